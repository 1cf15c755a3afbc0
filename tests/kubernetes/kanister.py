"""The Blueprint: its schema proves next to nothing, so these are the rules of the functions that it calls."""

import functools
import json
import subprocess
import tempfile

from manifests import duration

K10_GIVES_A_HOOK = 20 * 60
# All that the function knows, and which of them it must have; an unknown one fails the action when it is run.
FUNCTIONS = {
    "ScaleWorkload": ({"replicas", "namespace", "name", "kind", "waitForReady"}, {"replicas"}),
    "WaitV2": ({"timeout", "conditions"}, {"timeout", "conditions"}),
    "KubeOps": ({"operation", "namespace", "objectReference", "spec"}, {"operation"}),
}
MARK = "mariasnap.org/locked"


def phases(action):
    return [*action["phases"], *filter(None, [action.get("deferPhase")])]


def of_form(blueprint):
    if (blueprint["apiVersion"], blueprint["metadata"]["namespace"]) != ("cr.kanister.io/v1alpha1", "kasten-io"):
        yield "K10 looks for blueprints of cr.kanister.io/v1alpha1 in kasten-io"
    if set(blueprint) != {"apiVersion", "kind", "metadata", "actions"}:
        yield "a Blueprint has actions beside its metadata, and nothing else"
    if set(blueprint["actions"]) != {"backupPrehook", "backupPosthook"}:
        yield "K10's names are backupPrehook and backupPosthook"
    names = [phase.get("name") for action in blueprint["actions"].values() for phase in phases(action)]
    if len(set(names)) != len(names) or None in names:
        yield f"every phase of a blueprint has a name of its own: {names}"
    for title, action in blueprint["actions"].items():
        if unknown := set(action) - {"kind", "phases", "deferPhase"}:
            yield f"{title}: unknown {unknown}"
        for phase in phases(action):
            yield from (f"{title}: {phase.get('name')}: {fault}" for fault in of_phase(phase))


def of_phase(phase):
    if unknown := set(phase) - {"func", "name", "args", "objects"}:
        yield f"unknown {unknown}"
    if phase["func"] not in FUNCTIONS:
        yield f"function {phase['func']} isn't one of those whose arguments are known here"
        return
    known, needed = FUNCTIONS[phase["func"]]
    if set(phase["args"]) - known or needed - set(phase["args"]):
        yield f"arguments of {phase['func']}: {sorted(phase['args'])}"
    if phase["func"] == "WaitV2":
        if list(phase["args"]["conditions"]) not in (["allOf"], ["anyOf"]):
            yield "conditions are allOf or anyOf"
        for conditions in phase["args"]["conditions"].values():
            for condition in conditions:
                if set(condition) != {"condition", "objectReference"}:
                    yield f"unknown in a condition: {set(condition)}"


def references(blueprint):
    """What each phase names: kind, name, namespace."""
    for title, action in blueprint["actions"].items():
        for phase in phases(action):
            args = phase["args"]
            if phase["func"] == "ScaleWorkload":
                yield title, (args.get("kind"), args.get("name"), args.get("namespace"))
                continue
            found = [args] if phase["func"] == "KubeOps" else args["conditions"].get("allOf", [])
            for holder in found:
                ref = holder["objectReference"]
                if (ref.get("apiVersion"), ref.get("group"), ref.get("resource")) != ("v1", "apps", "deployments"):
                    yield title, ("something else", ref.get("name"), ref.get("namespace"))
                yield title, ("deployment", ref.get("name"), ref.get("namespace"))


def of_order(blueprint, deployment, patience):
    """`patience`: for how long mariasnap itself may try before it gives up."""
    before, after = (blueprint["actions"].get(name) for name in ("backupPrehook", "backupPosthook"))
    if not (before and after):
        return
    for title, reference in references(blueprint):
        if reference != ("deployment", deployment["metadata"]["name"], "{{ .StatefulSet.Namespace }}"):
            yield f"{title}: {reference} isn't the Deployment"
    if [phase["name"] for phase in before["phases"]] != ["begin", "lock", "locked", "mark"]:
        yield "backupPrehook: from 0, to 1, wait, mark, in this order"
        return
    begin, lock, locked, mark = (phase["args"] for phase in before["phases"])
    if (begin["replicas"], begin.get("waitForReady")) != (0, True):
        yield "backupPrehook: begins with no pod, and waits for that"
    if json.loads(lock["spec"]) != {"spec": {"replicas": 1}}:
        yield "backupPrehook: lock scales to 1"
    if not patience < duration(locked["timeout"]) < K10_GIVES_A_HOOK - 60:
        yield f"backupPrehook: {locked['timeout']} isn't between {patience} s and K10's bound"
    now = '{{ dateInZone "2006-01-02T15:04:05Z" (now) "UTC" }}'
    if mark["spec"] != '{"metadata":{"annotations":{"%s":"%s"}}}' % (MARK, now):
        yield "backupPrehook: mark notes the time in UTC"
    settle = (before.get("deferPhase") or {}).get("args", {}).get("spec", "")
    if settle.replace('{{ with index .Phases "mark" }}{{ if .Output }}1{{ else }}0{{ end }}{{ else }}0{{ end }}', "N") != (
            '{"spec":{"replicas":N}}'):
        yield "backupPrehook: deferPhase unlocks unless the mark was made"
    if [phase["func"] for phase in after["phases"]] != ["WaitV2"] or (
            duration(after["phases"][0]["args"]["timeout"]) > 10):
        yield "backupPosthook: looks once, shortly, whether it is still locked"
    unlock = after.get("deferPhase") or {}
    if unlock.get("func") != "KubeOps" or unlock["args"]["spec"] != '{"spec":{"replicas":0}}':
        yield "backupPosthook: deferPhase scales to 0, always"


def of_conditions(blueprint):
    """Renders the conditions with the printer that Kanister uses, which is kubectl's, for Deployments as they may be."""
    since, marked, later = (f"2026-11-21T15:0{minute}:00Z" for minute in (0, 1, 2))
    # Ready replicas, Available since, the mark; whether the prehook is done and whether the posthook is content.
    for ready, available, mark, locked, still in [
        (None, None, None, False, False),
        (None, None, marked, False, False),
        (None, since, marked, False, False),
        (1, since, None, True, False),
        (1, since, marked, True, True),
        (1, since, since, True, True),
        (1, later, marked, True, False),
        (2, since, marked, False, False),
    ]:
        status = {"conditions": [{"type": "Progressing", "status": "True", "lastTransitionTime": since}]}
        if available:
            status["conditions"].append({"type": "Available", "status": "True", "lastTransitionTime": available})
        else:
            status["conditions"].append({"type": "Available", "status": "False", "lastTransitionTime": since})
        if ready:
            status["readyReplicas"] = ready
        metadata = {"name": "x", "annotations": {MARK: mark} if mark else {"other": "x"}}
        shown = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "status": status}
        for phase, expected in [
            (blueprint["actions"]["backupPrehook"]["phases"][2], locked),
            (blueprint["actions"]["backupPosthook"]["phases"][0], still),
        ]:
            rendered = [render(c["condition"], json.dumps(shown)) for c in phase["args"]["conditions"].get("allOf", [])]
            if (bool(rendered) and all(text == "true" for text in rendered)) != expected:
                yield f"{phase['name']}: {rendered} for ready {ready}, available {available}, mark {mark}"


@functools.cache
def render(template, shown):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(shown)
        file.flush()
        command = ["kubectl", "label", "--local", "-f", file.name, "x=y", "-o", f"go-template={template}"]
        done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else f"error: {done.stderr.strip()}"
