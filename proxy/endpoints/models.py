"""`GET /v1/models` and `GET /v1/models/{name}`."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from proxy.access import Access
from proxy.endpoints.answers import json_answer
from proxy.exchange import Services


class Model(Struct, tag_field="object", tag="model"):
    """An entry of OpenAI's model list."""

    id: str
    created: int
    owned_by: str


class ModelList(Struct, tag_field="object", tag="list"):
    data: list[Model]


class Models:
    """The names that the configuration knows exactly."""

    def __init__(self, services: Services, *, access: Access) -> None:
        self._router = services.router
        self._access = access
        self._created = int(services.clock())

    async def list(self, request: Request) -> Response:
        self._access.check(request.headers)
        return json_answer(ModelList([self._model(name) for name in self._router.names()]))

    async def retrieve(self, request: Request) -> Response:
        self._access.check(request.headers)
        return json_answer(self._model(request.path_params["name"]))

    def _model(self, name: str) -> Model:
        """Raises InvalidRequest (404) for a name that no route takes."""
        return Model(name, self._created, self._router.route(name).upstream_name)
