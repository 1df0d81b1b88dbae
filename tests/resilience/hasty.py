"""The service, with less patience: so that any machine can bring more than it bears."""

from serving import service
from serving.service import Api, make_service

service.WAIT_S = 0.03

Hasty = make_service(Api, "Hasty")
