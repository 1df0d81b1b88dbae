"""What `feast plan` and `feast apply` find: the objects of the home's own definition."""

from pathlib import Path

from feast.repo_config import load_repo_config

from feature_repo.derived_registry import OFFLINE, PROJECT, read_definition
from feature_repo.feast_imports import Project
from feature_repo.views import views

HOME = Path(load_repo_config(Path(), Path(__file__).with_name("feature_store.yaml")).registry.path)
LEAD, ACCOUNT, *APPLIED = views(read_definition(HOME), HOME.parent / OFFLINE)
lead, account, named, service = APPLIED
project = Project(name=PROJECT)
