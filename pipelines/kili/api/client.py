"""Downloads a project with Kili's own client and prints JSON lines: the project, then each asset with its labels.

Runs in its own environment (`make kili`), because the client cannot share one with dbt. So it imports nothing of this
project. Arguments: the project's id and the fields wanted; KILI_API_KEY and KILI_API_ENDPOINT in the environment.
On failure, the last line is a sentence instead of JSON, and the exit status is 1.

All requests go to Kili's endpoint, and to the addresses that it gives for large answers. The client's other checks, of
its version on the package registry, of the schema and of the key's last day, are switched off.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from gql.transport.exceptions import TransportServerError
from kili.adapters.authentification import is_api_key_valid
from kili.adapters.http_client import HttpClient
from kili.client import Kili
from kili.exceptions import GraphQLError, NotFound
from requests.exceptions import RequestException
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

_ATTEMPTS: Final = 5
_TOO_MANY: Final = 429
_FAULT: Final = 500
_FIELDS: Final = """
query fields {
    asset: __type(name: "Asset") { fields(includeDeprecated: true) { name } }
    label: __type(name: "Label") { fields(includeDeprecated: true) { name } }
}"""


class Refused(Exception):
    """Kili refuses the request."""


class Unanswered(Exception):
    """No answer after several attempts."""


class Patient(HttpClient):  # type: ignore[misc]
    """Retries the client's downloads and its check of the key, which it tries only once.

    A failed download is an error; the client would take it for an empty answer.
    """

    def get(self, url: str, **options: Any) -> Any:
        """A large answer. Raises `Unanswered`."""

        def download() -> Any:
            response = super(Patient, self).get(url, **options)
            response.raise_for_status()
            answer = response.json()
            response.json = lambda: answer
            return response

        return self._patiently(url, download)

    def post(self, url: str, **options: Any) -> Any:
        """The response of the endpoint, after retries. Raises `Unanswered`."""

        def ask() -> Any:
            response = super(Patient, self).post(url, **options)
            if response.status_code == _TOO_MANY or response.status_code >= _FAULT:
                response.raise_for_status()
            return response

        return self._patiently(url, ask)

    @staticmethod
    def _patiently(url: str, send: Callable[[], Any]) -> Any:
        try:
            return _retried(send, _may_pass)
        except RequestException as error:
            raise Unanswered(f"{url.partition('?')[0]} does not answer: {_cause(error)}") from None


def records(project_id: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yields the project, then its assets, with one page in memory at a time."""
    client = _client()
    project: dict[str, Any] = client.kili_api_gateway.get_project(project_id, ("id", "title", "description"))
    yield project
    for asset in client.assets(project_id, fields=_known(client, fields), as_generator=True):
        for label in asset["labels"]:
            _name(label.get("author") or {})
        yield asset


def _client() -> Kili:
    """The client, once Kili has accepted the key. Raises `Refused`, `Unanswered`."""
    os.environ["KILI_SDK_SKIP_CHECKS"] = "1"
    no_cache = {"enable_schema_caching": False, "graphql_schema_cache_dir": None}
    client = Kili(graphql_client_params=no_cache)
    http = Patient(client.api_endpoint, client.api_key, client.verify)
    if not is_api_key_valid(http, client.api_key, client.api_endpoint, client.client_name):
        raise Refused(f"{client.api_endpoint} does not take the key in KILI_API_KEY")
    client.kili_api_gateway.http_client = http
    ask = client.graphql_client.execute
    client.graphql_client.execute = lambda *query, **options: _retried(lambda: ask(*query, **options), _is_fault)
    return client


def _known(client: Kili, fields: Sequence[str]) -> list[str]:
    """The fields that this version of the server has."""
    types = client.graphql_client.execute(_FIELDS)
    known = {field["name"] for field in types["asset"]["fields"]}
    known |= {f"labels.{field['name']}" for field in types["label"]["fields"]}
    unknown = [field for field in fields if ".".join(field.split(".")[:2]) not in known]
    if unknown:
        print(f"this server does not have {', '.join(unknown)}", file=sys.stderr)
    return [field for field in fields if field not in unknown]


def _name(author: dict[str, Any]) -> None:
    """Adds the author's name, as the client's own exports do."""
    if name := " ".join(author[part] for part in ("firstname", "lastname") if author.get(part)):
        author["name"] = name


def _retried(ask: Callable[[], Any], is_passing: Callable[[BaseException], bool]) -> Any:
    attempts = Retrying(
        retry=retry_if_exception(is_passing),
        wait=wait_random_exponential(0.5),
        stop=stop_after_attempt(_ATTEMPTS),
        reraise=True,
    )
    return attempts(ask)


def _may_pass(error: BaseException) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return isinstance(error, RequestException) and (status is None or status == _TOO_MANY or status >= _FAULT)


def _is_fault(error: BaseException) -> bool:
    """Whether the status has to be retried here. The client retries 429, 502, 503 and broken connections itself."""
    return isinstance(error, TransportServerError) and error.code == _FAULT


def _sentence(error: Exception, project_id: str) -> str:
    """What went wrong, on one line."""
    if isinstance(error, NotFound):
        return f"Kili has no project {project_id}, or none that the key in KILI_API_KEY opens"
    if isinstance(error, GraphQLError):
        return f"Kili refuses project {project_id}: {error}"
    if isinstance(error, TransportServerError | RequestException):
        return f"Kili does not answer: {_cause(error)}"
    if isinstance(error, Refused | Unanswered):
        return str(error)
    return f"Kili's client failed on project {project_id}: {type(error).__name__}: {error}"


def _cause(error: Exception) -> str:
    status = getattr(getattr(error, "response", error), "status_code", None) or getattr(error, "code", None)
    return f"HTTP {status}" if status else type(error).__name__


def main() -> int:
    """Writes the lines; returns the exit status."""
    warnings.simplefilter("ignore")
    project_id, *fields = sys.argv[1:]
    try:
        for record in records(project_id, fields):
            print(json.dumps(record))
    except BrokenPipeError:
        return 1
    except Exception as error:
        print(" ".join(_sentence(error, project_id).split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
