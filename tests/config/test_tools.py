"""[tools], [cms] and [code_orchestrator]: what stands beside the gateway, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.platform import HttpTool
from tests.config.writing import keys_of, loaded, refused

TOOL = '[tools.weather]\nurl = "http://127.0.0.1:9000/weather"\n'


def test_the_environment_says_where_services_are() -> None:
    config = load(None, {"CMS_URL": "http://cms:1", "CODE_ORCHESTRATOR_URL": "http://cos:2/base"})
    assert (config.cms.address, config.code_orchestrator.address) == ("http://cms:1", "http://cos:2/base")
    assert (config.cms.counts, config.check_every_s("cms")) == (True, 15)
    usual = load(None, {})
    assert (usual.cms.address, usual.code_orchestrator.address) == ("http://localhost:8086", "http://localhost:8083")
    assert (usual.cms.counts, usual.check_every_s("cms")) == (False, None)


def test_the_service_counts_where_its_address_is_said_or_it_is_switched_on(tmp_path: Path) -> None:
    assert loaded('[cms]\nenabled = "on"', tmp_path).cms.counts
    assert not loaded('[cms]\nenabled = "off"\nurl = "http://cms:1"', tmp_path).cms.counts


def test_a_tool_of_the_operators_own(tmp_path: Path) -> None:
    config = loaded("[tools]\nmax_turns = 3\n" + TOOL, tmp_path)
    assert config.tools.max_turns == 3
    assert config.http_tools == {"weather": HttpTool(url="http://127.0.0.1:9000/weather")}


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ('[cms]\nurl = "cms:8086"', "cms.url"),
        ("[cms]\nrequire_tier = 5", "cms.require_tier"),
        ('[health]\nrequired = ["opena"]', "health.required[0]"),
        ('[cms]\npropagate = ["openai", "opena"]', "cms.propagate[1]"),
        ('[health]\nrequired = ["cms"]\n[cms]\ncheck_s = 0', "cms.check_s"),
        ('[code_orchestrator]\nurl = "http://a?b"', "code_orchestrator.url"),
        ("[tools]\nmax_turn = 3", "tools.max_turn"),
        ("[tools]\nmax_turns = 0", "tools.max_turns"),
        ("[tools.weather]", "tools.weather.url"),
        ('[tools."the weather"]\nurl = "http://a/b"', 'tools."the weather"'),
        ('[tools.extract_keywords]\nurl = "http://a/b"', "tools.extract_keywords"),
        ('[tools.weather]\nurl = "http://a/b?c={city}"', "tools.weather.url"),
        (TOOL + 'method = "PUT"', "tools.weather.method"),
        (TOOL + 'schema = {type = "string"}', "tools.weather.schema"),
        (TOOL + 'schema = {type = "object", properties = 3}', "tools.weather.schema"),
        (TOOL + "schema = 3", "tools.weather.schema"),
        (TOOL + 'schema = {type = "object", "$ref" = "http://a.test/schema.json"}', "tools.weather.schema"),
        (TOOL + 'schema = {type = "object", properties = {a = {"$ref" = "#/$defs/b"}}}', "tools.weather.schema"),
    ],
)
def test_a_mistake_is_told_at_its_place(settings: str, key: str, tmp_path: Path) -> None:
    assert keys_of(refused(settings, tmp_path)) == [key]


def test_a_tools_token_stands_in_a_variable_that_is_set(tmp_path: Path) -> None:
    settings = TOOL + 'token_env = "WEATHER_TOKEN"'
    assert loaded(settings, tmp_path, {"WEATHER_TOKEN": "t"}).secrets["WEATHER_TOKEN"] == "t"
    assert keys_of(refused(settings, tmp_path)) == ["WEATHER_TOKEN"]


def test_an_address_with_a_password_is_not_repeated(tmp_path: Path) -> None:
    (mistake,) = refused('[cms]\nurl = "http://me:secret@cms"', tmp_path)
    assert "secret" not in str(mistake)
