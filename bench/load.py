"""The load: an nginx that always answers the same completion, and wrk that asks for it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.processes import Cores, Running
from bench.upstream import COMPLETION

NGINX_CONF = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 4096; multi_accept on; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on; client_max_body_size 8m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096 reuseport;
    location = /v1/chat/completions {{ return 200 '{completion}'; }}
    location = /v1/models {{ return 200 '{{"object":"list","data":[{{"id":"{model}","object":"model"}}]}}'; }}
    location / {{ return 200 '{{}}'; }}
  }}
}}
"""

WRK_SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
{authorization}
wrk.body = '{body}'
"""

UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class Load(NamedTuple):
    """What wrk saw."""

    requests: int
    per_second: float
    p50_s: float
    p99_s: float


def start_nginx(folder: Path, port: int, model: str, cores: Cores) -> Running:
    """The upstream of the unary measurements."""
    conf = folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, port=port, completion=COMPLETION.decode(), model=model))
    return Running.start("nginx", ["nginx", "-p", str(folder), "-c", str(conf)], core=cores.load, folder=folder)


def write_wrk_script(path: Path, model: str, key: str) -> Path:
    """What wrk sends: a small chat completion with the client's key."""
    body = json.dumps(
        {
            "model": model,
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": "Hello!"},
            ],
        },
        separators=(",", ":"),
    )
    authorization = f'wrk.headers["authorization"] = "Bearer {key}"' if key else ""
    path.write_text(WRK_SCRIPT.format(authorization=authorization, body=body))
    return path


def wrk(port: int, script: Path, *, connections: int, seconds: float, cores: Cores) -> Load:
    """Asks as fast as `connections` can for `seconds`. Raises RuntimeError when an answer was not a 2xx."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "30s"]
    command += ["-s", str(script), f"http://127.0.0.1:{port}/v1/chat/completions"]
    done = subprocess.run(
        ["taskset", "-c", str(cores.load), *command],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    return parse(done.stdout)


def parse(report: str) -> Load:
    """The figures in what wrk prints. Raises RuntimeError when an answer was not a 2xx or did not come."""
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", report):
        raise RuntimeError(f"wrk: {bad.group(0)}")
    requests = re.search(r"(\d+) requests in", report)
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert requests is not None, report
    assert per_second is not None, report
    return Load(int(requests.group(1)), float(per_second.group(1)), _percentile(report, 50), _percentile(report, 99))


def _percentile(report: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)\b", report)
    assert found is not None, report
    return float(found.group(1)) * UNITS_S[found.group(2)]
