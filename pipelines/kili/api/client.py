"""Prints one project as JSON lines with Kili's own client: first the project, then each asset with its labels.

Runs in a separate environment (`make kili`), because the client's dependencies conflict with dbt. It therefore imports
nothing from this project. Arguments: the project's id and the requested fields. Environment: KILI_API_KEY and
KILI_API_ENDPOINT. On failure, prints the reason as a last line that is not JSON and exits with status 1.

All requests go to Kili's endpoint and to the addresses that it returns for large answers. The client's checks of its
version on the package registry, of the schema and of the key's expiry are switched off.
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
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500
_FIELDS: Final = """
query fields {
    asset: __type(name: "Asset") { fields(includeDeprecated: true) { name } }
    label: __type(name: "Label") { fields(includeDeprecated: true) { name } }
}"""


class RequestRefused(Exception):
    """Kili has refused a request."""


class NoResponse(Exception):
    """Kili has not responded after several attempts."""


class RetryingHttpClient(HttpClient):  # type: ignore[misc]
    """Retries the client's downloads and its check of the key, which the client itself tries once.

    A failed download raises an error; the client itself would read it as an empty answer.
    """

    def get(self, url: str, **options: Any) -> Any:
        """Downloads a large answer. Raises `NoResponse`."""

        def download() -> Any:
            response = super(RetryingHttpClient, self).get(url, **options)
            response.raise_for_status()
            answer = response.json()
            response.json = lambda: answer
            return response

        return self._retry(url, download)

    def post(self, url: str, **options: Any) -> Any:
        """Returns the endpoint's response, also with an error status below 500 other than 429. Raises `NoResponse`."""

        def send() -> Any:
            response = super(RetryingHttpClient, self).post(url, **options)
            if response.status_code == _TOO_MANY_REQUESTS or response.status_code >= _SERVER_ERROR:
                response.raise_for_status()
            return response

        return self._retry(url, send)

    @staticmethod
    def _retry(url: str, send: Callable[[], Any]) -> Any:
        try:
            return _retry(send, _is_transient)
        except RequestException as error:
            raise NoResponse(f"{url.partition('?')[0]} does not answer: {_cause(error)}") from None


def records(project_id: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yields the project and then its assets in the server's order, with one page in memory at a time."""
    client = _client()
    project: dict[str, Any] = client.kili_api_gateway.get_project(project_id, ("id", "title", "description"))
    yield project
    for asset in client.assets(project_id, fields=_known_fields(client, fields), as_generator=True):
        for label in asset["labels"]:
            _add_name(label.get("author") or {})
        yield asset


def _client() -> Kili:
    """Returns a client whose key Kili accepts. Raises `RequestRefused` or `NoResponse`."""
    os.environ["KILI_SDK_SKIP_CHECKS"] = "1"
    no_cache = {"enable_schema_caching": False, "graphql_schema_cache_dir": None}
    client = Kili(graphql_client_params=no_cache)
    http = RetryingHttpClient(client.api_endpoint, client.api_key, client.verify)
    if not is_api_key_valid(http, client.api_key, client.api_endpoint, client.client_name):
        raise RequestRefused(f"{client.api_endpoint} does not accept the key in KILI_API_KEY")
    client.kili_api_gateway.http_client = http
    execute = client.graphql_client.execute
    client.graphql_client.execute = lambda *query, **options: _retry(
        lambda: execute(*query, **options), _is_server_error
    )
    return client


def _known_fields(client: Kili, fields: Sequence[str]) -> list[str]:
    """Returns the fields that this server has. They differ between server versions."""
    types = client.graphql_client.execute(_FIELDS)
    known = {field["name"] for field in types["asset"]["fields"]}
    known |= {f"labels.{field['name']}" for field in types["label"]["fields"]}
    unknown = [field for field in fields if ".".join(field.split(".")[:2]) not in known]
    if unknown:
        print(f"this server does not have {', '.join(unknown)}", file=sys.stderr)
    return [field for field in fields if field not in unknown]


def _add_name(author: dict[str, Any]) -> None:
    """Adds the author's name, as the client's own exports do."""
    if name := " ".join(author[part] for part in ("firstname", "lastname") if author.get(part)):
        author["name"] = name


def _retry(send: Callable[[], Any], is_transient: Callable[[BaseException], bool]) -> Any:
    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_random_exponential(0.5),
        stop=stop_after_attempt(_ATTEMPTS),
        reraise=True,
    )
    return retrying(send)


def _is_transient(error: BaseException) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return isinstance(error, RequestException) and (
        status is None or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
    )


def _is_server_error(error: BaseException) -> bool:
    """Whether the status is 500. The client itself retries after 429, 502, 503 and broken connections, but not 500."""
    return isinstance(error, TransportServerError) and error.code == _SERVER_ERROR


def _sentence(error: Exception, project_id: str) -> str:
    """Returns the reason of an error."""
    if isinstance(error, NotFound):
        return f"Kili has no project {project_id}, or the key in KILI_API_KEY gives no access to it"
    if isinstance(error, GraphQLError):
        return f"Kili refuses project {project_id}: {error}"
    if isinstance(error, TransportServerError | RequestException):
        return f"Kili does not answer: {_cause(error)}"
    if isinstance(error, RequestRefused | NoResponse):
        return str(error)
    return f"Kili's client failed on project {project_id}: {type(error).__name__}: {error}"


def _cause(error: Exception) -> str:
    status = getattr(getattr(error, "response", error), "status_code", None) or getattr(error, "code", None)
    return f"HTTP {status}" if status else type(error).__name__


def main() -> int:
    """Prints the lines. Returns the exit status."""
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
