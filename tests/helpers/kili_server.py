"""A small Kili: a GraphQL server of the types and queries that Kili's client uses, on a real socket.

It is an HTTP proxy too, so that requests to any host arrive here and are seen.
"""

import json
import random
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import graphql

Record = dict[str, Any]

PATH: Final = "/api/label/v2/graphql"
ENDPOINT: Final = f"http://cloud.kili-technology.com{PATH}"
STORAGE: Final = "http://storage.example"
KEY: Final = "a-secret-key"
_MANY: Final = 100
_SCHEMA: Final = graphql.build_schema("""
    scalar ProjectWhere
    scalar AssetWhere
    scalar PageSize
    type Query {
        viewer: User
        projects(where: ProjectWhere!, first: PageSize!, skip: Int!): [Project!]!
        countAssets(where: AssetWhere!): Int!
        assets(where: AssetWhere!, first: PageSize!, skip: Int!): [Asset!]!
    }
    type User { id: ID!, email: String!, firstname: String, lastname: String }
    type Step { id: ID!, name: String! }
    type Project {
        id: ID!, title: String!, description: String!, inputType: String!, jsonInterface: String!
        workflowVersion: String!, steps: [Step!]
    }
    type Resolution { width: Float, height: Float }
    type Asset {
        id: ID!, projectId: ID, externalId: String, content: String!, jsonContent: String!, status: String
        jsonMetadata: String!, resolution: Resolution, isHoneypot: Boolean, honeypotMark: Float
        isUsedForConsensus: Boolean, consensusMark: Float, inferenceMark: Float, skipped: Boolean
        createdAt: String!, updatedAt: String, labels: [Label!]!
    }
    type Label {
        id: ID!, author: User!, createdAt: String!, labelType: String!, jsonResponse: String!, jsonResponseUrl: String
        modelName: String, isSentBackToQueue: Boolean, isLatestLabelForUser: Boolean!, isHoneypot: Boolean!
        honeypotMark: Float, inferenceMark: Float, reviewScore: Float, secondsToLabel: Float
        totalSecondsToLabel: Int @deprecated(reason: "ask the asset")
    }
""")


@dataclass
class Kili:
    """What the server holds, what it was asked, and what it answers next in place of what was asked for.

    projects: by id; assets: by the id of their project. Answers of labels with a `jsonResponseUrl` lie in the storage.
    faults: HTTP statuses, 0 for none but a closed connection, null for the answer itself.
    refusal: what GraphQL says in place of assets.
    """

    projects: dict[str, Record] = field(default_factory=dict)
    assets: dict[str, list[Record]] = field(default_factory=dict)
    faults: deque[int | None] = field(default_factory=deque)
    download_faults: deque[int | None] = field(default_factory=deque)
    refusal: str | None = None
    seen: list[str] = field(default_factory=list)
    where: list[Record] = field(default_factory=list)

    def viewer(self, _: graphql.GraphQLResolveInfo) -> Record:
        return {"id": "user-1", "email": "me@example.com"}

    def projects_of(self, _: graphql.GraphQLResolveInfo, where: Record, **__: int) -> list[Record]:
        found = self.projects.get(where["id"])
        return [found] if found else []

    def count(self, _: graphql.GraphQLResolveInfo, where: Record) -> int:
        return len(self.assets[where["project"]["id"]])

    def page(self, _: graphql.GraphQLResolveInfo, where: Record, first: int, skip: int) -> list[Record]:
        """As Kili gives them: at most so many, with newly signed links, and labels in any order."""
        if self.refusal:
            raise graphql.GraphQLError(self.refusal, extensions={"code": "FORBIDDEN"})
        self.where.append(where)
        found = self.assets[where["project"]["id"]][skip : skip + min(first, _MANY)]
        return [asset | {"content": _signed(asset["content"]), "labels": self._labels(asset)} for asset in found]

    def _labels(self, asset: Record) -> list[Record]:
        labels = [
            label | {"jsonResponseUrl": url and _signed(url), "jsonResponse": "{}" if url else label["jsonResponse"]}
            for label in asset["labels"]
            for url in [label.get("jsonResponseUrl")]
        ]
        return random.sample(labels, len(labels))

    def answer(self, url: str) -> str | None:
        """The text in the storage at an address."""
        labels = (label for assets in self.assets.values() for asset in assets for label in asset["labels"])
        return next((label["jsonResponse"] for label in labels if label.get("jsonResponseUrl") == url), None)

    def asked(self, query: Record) -> Record:
        """GraphQL's answer."""
        root = {"viewer": self.viewer, "projects": self.projects_of, "countAssets": self.count, "assets": self.page}
        done = graphql.graphql_sync(_SCHEMA, query["query"], root, variable_values=query.get("variables"))
        return dict(done.formatted)


def _signed(url: str) -> str:
    return f"{url}?X-Amz-Expires=900&X-Amz-Signature={random.getrandbits(64):x}"


class Server(ThreadingHTTPServer):
    """Serves a Kili on a free port of this machine, from a thread, until it is shut down."""

    def __init__(self, kili: Kili) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kili = kili
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_fault(self.server.kili.faults):
            return
        if urlsplit(self.path).path != PATH:
            self._send(404, "{}")
        elif self.headers["Authorization"] != f"X-API-Key: {KEY}":
            self._send(401, json.dumps({"errors": [{"message": "Unauthorized"}]}))
        else:
            self._send(200, json.dumps(self.server.kili.asked(json.loads(body))))

    def do_GET(self) -> None:
        if self._is_fault(self.server.kili.download_faults):
            return
        text = self.server.kili.answer(self.path.partition("?")[0])
        self._send(404 if text is None or "Authorization" in self.headers else 200, text or "")

    def do_CONNECT(self) -> None:
        self.server.kili.seen.append(f"CONNECT {self.path}")
        self._send(502, "")

    def _is_fault(self, faults: deque[int | None]) -> bool:
        self.server.kili.seen.append(f"{self.command} {self.path.partition('?')[0]}")
        fault = faults.popleft() if faults else None
        if fault == 0:
            self.close_connection = True
        elif fault:
            self._send(fault, "upstream fault")
        return fault is not None

    def _send(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
