"""What `feast apply` finds: the standard service's objects."""

from pathlib import Path

from feature_repo.standard import standard_service
from feature_repo.views import views

LEAD, ACCOUNT, *APPLIED = views(standard_service(), Path("../.leadscore/offline"))
lead, account, named, service = APPLIED
