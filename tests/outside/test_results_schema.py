"""What the API answers, against its own OpenAPI document: requests are drawn from the document by schemathesis."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from business import token

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
SETTINGS = settings(
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
WAYS = {"supervisor": "warehouse", "admin": "monitor", "nobody": None}


@pytest.fixture(scope="module")
def document(business):
    return business.json("/v1/openapi.json")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize("who", WAYS)
def test_every_answer_fits_the_document(business, document, who, mode):
    headers = {"authorization": f"Bearer {token(WAYS[who])}"} if WAYS[who] else {}
    schema = schemathesis.openapi.from_dict(document)
    statuses = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        seen = statuses[operation.path] = []

        @SETTINGS
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case):
            response = case.call(base_url=business.surveyd.base_url, headers=headers, timeout=60)
            case.validate_response(response, checks=CHECKS, headers=headers)
            seen.append(response.status_code)

        try:
            holds()
        except Exception as error:
            # An address without parameters cannot be asked in an unfitting way.
            if mode is not GenerationMode.NEGATIVE or "Impossible to generate" not in str(error):
                raise
    met = {status for seen in statuses.values() for status in seen}
    if who == "nobody":
        assert met == {401}, statuses
    elif mode is GenerationMode.POSITIVE:
        assert 200 in met, statuses
    assert max(met) < 500


def test_the_examples_of_each_view_fit(business, document):
    """Answers with groups, differences and surveys in them, which drawn names seldom meet."""
    schema = schemathesis.openapi.from_dict(document)
    [survey] = business.json("/v1/surveys", {"period": "90d", "team": "night"})["surveys"][:1]
    asked = [("/v1/report", {"period": "90d", "by": by}) for by in ("team", "tag", "week", "question", "agent")]
    asked += [("/v1/report", {"period": "7d", "against": against}) for against in ("none", "year")]
    asked += [("/v1/surveys", {"period": "90d"}), ("/v1/surveys", {"period": "year", "tag": ["vip", ""]})]
    asked += [("/v1/surveys/{id}", {}), ("/v1/status", {}), ("/v1/openapi.json", {})]
    asked += [("/v1/export", {"format": form}) for form in ("csv", "jsonl", "parquet", "xlsx")]
    for by in ("warehouse", "monitor"):
        for path, query in asked:
            case = schema[path]["GET"].Case(path_parameters={"id": survey["survey_id"]}, query=query)
            headers = {"authorization": f"Bearer {token(by)}"}
            response = case.call(base_url=business.surveyd.base_url, headers=headers, timeout=60)
            case.validate_response(response, checks=CHECKS, headers=headers)
            assert response.status_code == 200 or by == "monitor", (path, query, response.status_code)
