"""Lines of keys: enough of TOML to point at a mistake."""

from __future__ import annotations

from gateway.config.mistakes import dotted
from gateway.config.toml_lines import lines_of, nearest_line

TEXT = """\
top = 1
[server]  # comment
port = 2
"quoted key" = 3
[a.b]
c.d = 4
[models."gpt-4.1"]
target = "x"
[[routes]]
match = "x"
[[routes]]
match = "y"
[[auth.keys]]
label = "z"
"""


def test_every_key_has_its_line() -> None:
    lines = lines_of(TEXT)
    places = {dotted(path): line for path, line in lines.items()}
    assert places == {
        "top": 1,
        "server": 2,
        "server.port": 3,
        'server."quoted key"': 4,
        "a.b": 5,
        "a.b.c.d": 6,
        'models."gpt-4.1"': 7,
        'models."gpt-4.1".target': 8,
        "routes[0]": 9,
        "routes[0].match": 10,
        "routes[1]": 11,
        "routes[1].match": 12,
        "auth.keys[0]": 13,
        "auth.keys[0].label": 14,
    }


def test_a_key_without_a_line_of_its_own_has_its_tables() -> None:
    lines = lines_of(TEXT)
    assert nearest_line(lines, ("routes", 1, "provider")) == 11
    assert nearest_line(lines, ("models", "gpt-4.1", "fallbacks", 0)) == 7
    assert nearest_line(lines, ("nowhere", "x")) is None
