"""`GET /v1/models` and `GET /v1/models/{name}`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.answers import json_answer
from proxy.exchange.services import Services
from proxy.inbound.visit import visit_of
from proxy.models.catalogue import ModelList, asked_upstreams, codex_model, facts_of, listed_routes, openai_model


class Models:
    """Lists the names that the configuration knows, and through its patterns those that upstreams list."""

    def __init__(self, services: Services) -> None:
        self._router = services.router
        self._upstream_models = services.upstream_models
        self._created = int(services.clock())

    async def list(self, request: Request) -> Response:
        visit = visit_of(request.scope)
        said = await self._upstream_models.facts(asked_upstreams(self._router), visit.headers)
        routes = [route for route in listed_routes(self._router, said) if visit.caller.may_use(route.name)]
        known = [(route, facts_of(route, said)) for route in routes]
        data = [openai_model(route, facts, self._created) for route, facts in known]
        models = [codex_model(route, facts, priority) for priority, (route, facts) in enumerate(known)]
        return json_answer(ModelList(data, models))

    async def retrieve(self, request: Request) -> Response:
        """Raises InvalidRequest (404) for a name that no route takes, or that the caller may not use."""
        visit = visit_of(request.scope)
        route = self._router.route(request.path_params["name"], visit.caller.may_use)
        asked = [route.upstream_name] if route.upstream.kind == "chat" else []
        said = await self._upstream_models.facts(asked, visit.headers)
        return json_answer(openai_model(route, facts_of(route, said), self._created))
