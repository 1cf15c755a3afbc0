"""Breaks of the manifests in memory: the check, words of the fault that it has to find, and what is done to which object."""

import rules


def at(value, path):
    for key in path[:-1]:
        value = value[key]
    return value, path[-1]


def put(kind, path, new, name=None):
    """Sets, or with ... removes, what lies at the path."""
    def broken(manifests):
        whole = manifests.patch() if kind == "patch" else manifests.one(kind, name)
        holder, key = at(whole, path)
        if new is ...:
            del holder[key]
        else:
            holder[key] = new(holder[key]) if callable(new) else new
    return broken


POD = ("spec", "template", "spec")
OURS = (*POD, "containers", 0)
HOOKS = ("spec", "template", "metadata", "annotations")
BEFORE, AFTER = ("actions", "backupPrehook"), ("actions", "backupPosthook")
PRE, POST = "pre.hook.backup.velero.io/", "post.hook.backup.velero.io/"


def swapped(phases):
    return [phases[0], phases[2], phases[1], phases[3]]


def line(old, new):
    return lambda text: text.replace(old, new)


BREAKS = {
    # Kubernetes' schemas.
    "unknown field in a pod": (rules.schemas, "readinesProbe", put("Deployment", (*OURS, "readinesProbe"), {})),
    "unknown field in the sidecar": (rules.schemas, "runasuser", put("patch", (*OURS, "securityContext", "runasuser"), 1)),
    "a string for a number": (rules.schemas, "replicas", put("Deployment", ("spec", "replicas"), "none")),
    "no selector": (rules.schemas, "selector", put("Deployment", ("spec", "selector"), ...)),
    "unknown field in a ConfigMap": (rules.schemas, "Data", put("ConfigMap", ("Data",), {}, "mariasnap")),
    "unknown field in the Secret": (rules.schemas, "string", put("Secret", ("stringdata",), {})),
    "unknown field in the Role": (rules.schemas, "resource", put("Role", ("rules", 0, "resource"), [])),
    "a RoleBinding of nothing": (rules.schemas, "roleRef", put("RoleBinding", ("roleRef",), ...)),
    "unknown field in the ServiceAccount": (rules.schemas, "token", put("ServiceAccount", ("token",), True)),
    "unknown field in the NetworkPolicy": (rules.schemas, "selector", put("NetworkPolicy", ("spec", "selector"), {})),
    "unknown field in the budget": (rules.schemas, "budget", put("PodDisruptionBudget", ("spec", "budget"), 1)),
    # What the pods may.
    "root": (rules.hardening, "runAsUser", put("Deployment", (*POD, "securityContext", "runAsUser"), 0)),
    "a root that may be written to": (
        rules.hardening, "readOnlyRoot", put("Deployment", (*OURS, "securityContext", "readOnlyRootFilesystem"), False)),
    "a capability kept": (rules.hardening, "velero: capabilities", put("patch", (*OURS, "securityContext", "capabilities"), {})),
    "escalation": (
        rules.hardening, "allowPrivilege", put("Deployment", (*OURS, "securityContext", "allowPrivilegeEscalation"), ...)),
    "no seccomp": (rules.hardening, "seccomp", put("Deployment", (*POD, "securityContext", "seccompProfile"), ...)),
    "a token": (rules.hardening, "automount", put("Deployment", (*POD, "automountServiceAccountToken"), True)),
    "a run directory on a disk": (rules.hardening, "emptyDir", put("Deployment", (*POD, "volumes", 0, "emptyDir"), {})),
    "locked from the start": (rules.hardening, "no replica", put("Deployment", ("spec", "replicas"), 1)),
    "a rolling update": (rules.hardening, "never has two", put("Deployment", ("spec", "strategy"), {"type": "RollingUpdate"})),
    "a Role for all Deployments": (rules.hardening, "alone", put("Role", ("rules", 1, "resourceNames"), ...)),
    "a Role that deletes": (rules.hardening, "scales", put("Role", ("rules", 1, "verbs"), ["get", "delete"])),
    "egress to anywhere": (rules.hardening, "to the database", put("NetworkPolicy", ("spec", "egress", 0, "to"), ...)),
    "egress without policy": (rules.hardening, "nobody in", put("NetworkPolicy", ("spec", "policyTypes"), ["Ingress"])),
    # Names that belong together.
    "another Deployment": (
        rules.blueprint, "isn't the Deployment", put("Deployment", ("metadata", "name"), "freeze")),
    "other labels": (rules.names, "NetworkPolicy", put("NetworkPolicy", ("spec", "podSelector", "matchLabels", "x"), "y")),
    "a budget for others": (rules.names, "Budget", put("PodDisruptionBudget", ("spec", "selector"), {"matchLabels": {}})),
    "another namespace": (rules.names, "namespaces", put("Secret", ("metadata", "namespace"), "default")),
    "a subject elsewhere": (rules.names, "namespaces", put("RoleBinding", ("subjects", 0, "namespace"), "default")),
    "another Role": (rules.names, "RoleBinding", put("RoleBinding", ("roleRef", "name"), "admin")),
    "an old image": (rules.names, "velero: image", put("patch", (*OURS, "image"), "mariasnap:0.0.1")),
    "another Secret": (rules.names, "another Secret", put("Deployment", (*POD, "volumes", 2, "secret", "secretName"), "x")),
    "a file that isn't in the Secret": (
        rules.names, "defaults_file", put("ConfigMap", ("data", "main.toml"), line("main.cnf", "my.cnf"), "mariasnap")),
    "a password like any other": (rules.names, "replaced", put("Secret", ("stringData", "main.cnf"), line("REPLACE-", ""))),
    # The program's command line and configuration.
    "locks again": (rules.command_lines, "args", put("Deployment", (*OURS, "args"), ["freeze", "main"])),
    "an option that isn't": (rules.command_lines, "ends with 2", put("Deployment", (*OURS, "args", 2), "--onec")),
    "a command that isn't": (rules.command_lines, "ends with 2", put("patch", (*OURS, "args"), ["sleep"])),
    "another probe": (rules.command_lines, "readiness", put("Deployment", (*OURS, "readinessProbe", "exec", "command", 1), "list")),
    "a patient probe": (rules.command_lines, "believes", put("Deployment", (*OURS, "readinessProbe", "failureThreshold"), 3)),
    "an unknown key": (
        rules.command_lines, "main.toml", put("ConfigMap", ("data", "main.toml"), line("max_hold", "maxhold"), "mariasnap")),
    "a value out of bounds": (
        rules.command_lines, "main.toml", put("ConfigMap", ("data", "main.toml"), line("120s\"  ", "9h\"  "), "mariasnap-velero")),
    "TOML that isn't": (
        rules.command_lines, "main.toml", put("ConfigMap", ("data", "main.toml"), line("[lock]", "[lock"), "mariasnap")),
    # Velero.
    "on-error left out": (rules.velero, "pre", put("patch", (*HOOKS, PRE + "on-error"), ...)),
    "on-error Continue": (rules.velero, "post: on-error", put("patch", (*HOOKS, POST + "on-error"), "Continue")),
    "a timeout without unit": (rules.velero, "unit", put("patch", (*HOOKS, PRE + "timeout"), "180")),
    "a timeout below the wait": (rules.velero, "is below", put("patch", (*HOOKS, PRE + "timeout"), "30s")),
    "a shell's command": (rules.velero, "command", put("patch", (*HOOKS, PRE + "command"), "mariasnap freeze main --detach")),
    "a container that isn't": (rules.velero, "no container", put("patch", (*HOOKS, POST + "container"), "mariadb")),
    "an annotation misspelt": (rules.velero, "unknown", put("patch", (*HOOKS, "pre.hook.velero.io/command"), "[]")),
    # Kanister.
    "a blueprint elsewhere": (rules.blueprint, "kasten-io", put("Blueprint", ("metadata", "namespace"), "database")),
    "a spec": (rules.blueprint, "nothing else", put("Blueprint", ("spec",), {})),
    "an action misspelt": (rules.blueprint, "K10's names", put("Blueprint", ("actions", "backupPreHook"), {"phases": []})),
    "an unknown argument": (
        rules.blueprint, "arguments of ScaleWorkload", put("Blueprint", (*BEFORE, "phases", 0, "args", "timeout"), "5m")),
    "an argument left out": (rules.blueprint, "arguments of WaitV2", put("Blueprint", (*BEFORE, "phases", 2, "args", "timeout"), ...)),
    "an unknown function": (rules.blueprint, "isn't one", put("Blueprint", (*AFTER, "deferPhase", "func"), "Scale")),
    "two phases of one name": (rules.blueprint, "a name of its own", put("Blueprint", (*AFTER, "deferPhase", "name"), "lock")),
    "waits before it locks": (rules.blueprint, "in this order", put("Blueprint", (*BEFORE, "phases"), swapped)),
    "doesn't wait for the last one": (
        rules.blueprint, "begins", put("Blueprint", (*BEFORE, "phases", 0, "args", "waitForReady"), False)),
    "two replicas": (rules.blueprint, "scales to 1", put("Blueprint", (*BEFORE, "phases", 1, "args", "spec"), '{"spec":{"replicas":2}}')),
    "waits longer than K10": (rules.blueprint, "K10's bound", put("Blueprint", (*BEFORE, "phases", 2, "args", "timeout"), "20m")),
    "gives up before mariasnap": (rules.blueprint, "K10's bound", put("Blueprint", (*BEFORE, "phases", 2, "args", "timeout"), "60s")),
    "a mark in local time": (
        rules.blueprint, "notes the time", put("Blueprint", (*BEFORE, "phases", 3, "args", "spec"), line("UTC", "Local"))),
    "stays locked after a failure": (rules.blueprint, "unlocks unless", put("Blueprint", (*BEFORE, "deferPhase"), ...)),
    "doesn't unlock": (rules.blueprint, "always", put("Blueprint", (*AFTER, "deferPhase"), ...)),
    "doesn't look whether it is still locked": (rules.blueprint, "looks once", put("Blueprint", (*AFTER, "phases"), [])),
    "looks for long under the lock": (rules.blueprint, "looks once", put("Blueprint", (*AFTER, "phases", 0, "args", "timeout"), "5m")),
    "never sees it locked": (
        rules.blueprint, "locked: [", put("Blueprint", (*BEFORE, "phases", 2, "args", "conditions", "allOf", 0, "condition"),
                                          "{{ .status.readyReplicas }}")),
    "a condition that is no template": (
        rules.blueprint, "error", put("Blueprint", (*BEFORE, "phases", 2, "args", "conditions", "allOf", 0, "condition"),
                                      line("{{ end }}", ""))),
    "takes a successor's lock for the first": (
        rules.blueprint, "still-locked: [", put("Blueprint", (*AFTER, "phases", 0, "args", "conditions", "allOf"), lambda all: all[:1])),
    "takes an old Ready for a lock": (
        rules.blueprint, "still-locked: [", put("Blueprint", (*AFTER, "phases", 0, "args", "conditions", "allOf"), lambda all: all[1:])),
}


def each(manifests):
    for name, (check, expected, do) in BREAKS.items():
        broken = manifests.copy()
        do(broken)
        yield name, (check, expected, broken)
