"""The jobs that propose updates, run with a stand-in for the forge.

Git is real, with a local remote. For GitHub, `gh` records its calls and knows one pull request; for
GitLab, the remote records the push options, which create merge requests there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
import yaml

from harness.answers import ROOT
from harness.commands import CommandError, git, run
from harness.rendering import commit_all, tool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WORKFLOW: Final = ROOT / "template/.github/workflows/template-update.yml"
COMPONENT: Final = ROOT / "templates/template-update.yml"
REPORTS: Final = {False: '{"merged": ["a"]}', True: '{"conflict": ["a"]}'}

GH: Final = """\
#!/bin/sh
echo "$@" >>"$CALLS"
case "$1 $2" in
  "pr create") echo 7 >"$CALLS.number" ;;
  "pr list") cat "$CALLS.number" 2>/dev/null || true ;;
esac
"""
MAKE: Final = """\
#!/bin/sh
test "$1 $2" = "template-update BRANCH=template-update" || exit 1
test -z "$TEMPLATE_UPDATE_TOKEN" || exit 1
test -z "$PROPOSED" || git update-ref refs/heads/template-update "$PROPOSED"
mkdir -p .cache/template-update
echo "# Update" >.cache/template-update/report.md
echo "$REPORT" >.cache/template-update/report.json
"""
HOOK: Final = """\
#!/bin/sh
for number in 0 1 2 3 4 5; do eval "echo \\$GIT_PUSH_OPTION_$number"; done >>"$CALLS"
"""


class Forge(NamedTuple):
    """A service's checkout, its remote, and the calls that the jobs made."""

    service: Path
    remote: Path
    calls: Path
    env: Mapping[str, str]

    def sh(self, script: str, **env: str) -> str:
        """Run a step of a job, as the runners do."""
        given = {**self.env, **env}
        return run("bash", "-e", "-c", script, cwd=self.service, env=given).stdout


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A service with one commit, and a proposal that is not on a branch yet."""
    service, remote, tools = tmp_path / "service", tmp_path / "remote", tmp_path / "tools"
    service.mkdir()
    (service / ".gitignore").write_text(".cache\nupdate\n", encoding="utf-8")
    commit_all(service, "Our service")
    git(tmp_path, "clone", "--quiet", "--bare", str(service), str(remote))
    git(remote, "config", "receive.advertisePushOptions", "true")
    tools.mkdir()
    hook = remote / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    for path, text in {tools / "gh": GH, tools / "make": MAKE, hook: HOOK}.items():
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    tree = ("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "Update the template to v2.0.0")
    calls = tmp_path / "calls"
    env = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(calls),
        "PROPOSED": git(service, *tree).strip(),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }
    return Forge(service, remote, calls, env)


def _steps() -> dict[str, str]:
    """Return the scripts of the workflow by the names of their steps."""
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    return {step["name"]: step["run"] for step in steps if "run" in step}


def _on_github(forge: Forge, *, conflict: bool, token: str = "given") -> None:  # noqa: S107
    steps = _steps()
    forge.sh(steps["Merge on a branch"], REPORT=REPORTS[conflict])
    run("git", "branch", "-D", "template-update", cwd=forge.service)
    (forge.service / "update").rename(forge.service / ".cache/update")
    forge.sh(steps["Propose"], GH_TOKEN=token, REMOTE=str(forge.remote))


@pytest.mark.parametrize("conflict", [False, True])
def test_a_pull_request_is_opened(conflict: bool, forge: Forge) -> None:  # noqa: FBT001
    """The branch is pushed; with conflicts it is a draft with a label, otherwise it is not."""
    _on_github(forge, conflict=conflict)

    pushed = git(forge.remote, "rev-parse", "template-update").strip()
    assert forge.env["PROPOSED"] == pushed
    calls = forge.calls.read_text("utf-8")
    assert "pr create --head template-update --title Update the template to v2.0.0" in calls
    label = "--add-label" if conflict else "--remove-label"
    assert f"pr edit 7 {label} template-conflicts" in calls
    assert ("pr ready 7 --undo\n" if conflict else "pr ready 7\n") in calls


def test_the_open_pull_request_is_refreshed(forge: Forge) -> None:
    """There is one, however often the job runs."""
    _on_github(forge, conflict=True)
    run("rm", "-r", ".cache/update", cwd=forge.service)
    run("git", "branch", "-D", "template-update", cwd=forge.service)
    forge.calls.write_text("", encoding="utf-8")

    _on_github(forge, conflict=False)

    calls = forge.calls.read_text("utf-8")
    assert "pr create" not in calls
    assert "pr edit 7 --title Update the template to v2.0.0 --body-file" in calls
    assert "pr ready 7\n" in calls


def test_nothing_new_opens_nothing(forge: Forge) -> None:
    """The second job does not even start."""
    forge.sh(_steps()["Merge on a branch"], PROPOSED="", REPORT="{}")
    assert not (forge.service.parent / "output").exists()


def test_a_missing_token_is_named(forge: Forge) -> None:
    """The message has the secret's name and the place that describes it."""
    with pytest.raises(CommandError, match="secret TEMPLATE_UPDATE_TOKEN is not set"):
        _on_github(forge, conflict=False, token="")


@pytest.mark.parametrize("conflict", [False, True])
def test_a_merge_request_is_opened_on_gitlab(conflict: bool, forge: Forge) -> None:  # noqa: FBT001
    """Push options create it, or refresh the open one."""
    script = list(yaml.safe_load_all(COMPONENT.read_text(encoding="utf-8")))[1]
    env = {
        "REPORT": REPORTS[conflict],
        "TEMPLATE_UPDATE_TOKEN": "given",
        "CI_SERVER_PROTOCOL": "https",
        "CI_REPOSITORY_URL": "https://gitlab-ci-token:other@forge.invalid/team/service.git",
        "CI_DEFAULT_BRANCH": "main",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{forge.remote}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://oauth2:given@forge.invalid/team/service.git",
    }
    for line in script["template-update"]["script"]:
        forge.sh(line, **env)

    assert forge.env["PROPOSED"] == git(forge.remote, "rev-parse", "template-update").strip()
    options = forge.calls.read_text("utf-8").splitlines()
    assert ("merge_request.draft" in options) == conflict
    assert f"merge_request.{'' if conflict else 'un'}label=template-conflicts" in options
    assert "merge_request.create" in options
    assert "merge_request.target=main" in options
    assert "merge_request.title=Update the template to v2.0.0" in options


def test_the_bots_configurations_validate() -> None:
    """Against the schemas of Renovate and Dependabot that check-jsonschema has built in."""
    for name, schema in {
        "renovate.json": "renovate",
        ".github/dependabot.yml": "dependabot",
    }.items():
        path = ROOT / "template" / name
        tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", path, cwd=ROOT)
