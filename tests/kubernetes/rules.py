"""Rules between the manifests, and of the hardening, and of Velero's annotations. Each yields what is wrong."""

import json
import re
import tomllib

import kubernetes_validate

import kanister
from manifests import TOP, duration

# The oldest in which all that is used is there and on, one in between, and the newest that the package knows.
KUBERNETES = ("1.27", "1.32", "1.37")
BINARY = "/usr/bin/mariasnap"
# Connecting, the pod's start, and what else has no bound of its own.
SLACK = 20


def schemas(manifests, _program):
    for path, document in [*manifests.objects(), ("velero: patched", manifests.patched())]:
        if document["apiVersion"].startswith("cr.kanister.io/"):
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{path}: schema {version}: {'.'.join(map(str, error.path))}: {error.message}"


def pod_specs(manifests):
    yield "Deployment", manifests.one("Deployment")["spec"]["template"]["spec"], 0
    yield "velero", manifests.patched()["spec"]["template"]["spec"], 1


def hardening(manifests, _program):
    for title, pod, ours in pod_specs(manifests):
        container = pod["containers"][ours]
        security = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
        for key, wanted in [
            ("runAsNonRoot", True), ("runAsUser", 65532), ("runAsGroup", 65532), ("readOnlyRootFilesystem", True),
            ("allowPrivilegeEscalation", False), ("privileged", False), ("capabilities", {"drop": ["ALL"]}),
            ("seccompProfile", {"type": "RuntimeDefault"}),
        ]:
            if security.get(key) != wanted:
                yield f"{title}: {key} isn't {wanted}"
        run = mounted(pod, container, "/run/mariasnap")
        if (run or {}).get("emptyDir", {}).get("medium") != "Memory":
            yield f"{title}: /run/mariasnap is no emptyDir in memory"
        if any(not mount.get("readOnly") for mount in container["volumeMounts"] if mount["mountPath"] != "/run/mariasnap"):
            yield f"{title}: only /run/mariasnap is written to"
        if mounted(pod, container, "/etc/mariasnap/secret") is None:
            yield f"{title}: no secret"
    deployment = manifests.one("Deployment")["spec"]
    if deployment["template"]["spec"].get("automountServiceAccountToken") is not False:
        yield "Deployment: automountServiceAccountToken"
    if deployment.get("replicas") != 0 or deployment.get("strategy", {}).get("type") != "Recreate":
        yield "Deployment: begins with no replica, and never has two"
    grants = manifests.one("Role")["rules"]
    name = manifests.one("Deployment")["metadata"]["name"]
    if any(rule.get("resourceNames") != [name] or rule["apiGroups"] != ["apps"] for rule in grants):
        yield "Role: names this Deployment alone"
    if [(rule["resources"], rule["verbs"]) for rule in grants] != [
            (["deployments/scale"], ["get", "patch", "update"]), (["deployments"], ["get"])]:
        yield "Role: scales, and looks whether it is Ready"
    policy = manifests.one("NetworkPolicy")["spec"]
    ports = [sorted((port["protocol"], port["port"]) for port in rule["ports"]) for rule in policy["egress"]]
    if ports != [[("TCP", 3306)], [("TCP", 53), ("UDP", 53)]] or any(not rule.get("to") for rule in policy["egress"]):
        yield "NetworkPolicy: to the database and to the DNS"
    if policy["ingress"] != [] or sorted(policy["policyTypes"]) != ["Egress", "Ingress"]:
        yield "NetworkPolicy: nobody in"


def mounted(pod, container, path):
    names = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == path]
    return next((volume for volume in pod["volumes"] if [volume["name"]] == names), None)


def names(manifests, _program):
    deployment = manifests.one("Deployment")
    spec, labels = deployment["spec"], deployment["spec"]["template"]["metadata"]["labels"]
    for title, selector in [
        ("Deployment", spec["selector"]), ("NetworkPolicy", manifests.one("NetworkPolicy")["spec"]["podSelector"]),
        ("PodDisruptionBudget", manifests.one("PodDisruptionBudget")["spec"]["selector"]),
    ]:
        if selector != {"matchLabels": labels}:
            yield f"{title}: selects other pods"
    spaces = {o["metadata"].get("namespace") for _, o in manifests.objects() if o["kind"] != "Blueprint"}
    binding = manifests.one("RoleBinding")
    spaces.add(binding["subjects"][0].get("namespace"))
    if len(spaces) != 1:
        yield f"namespaces: {spaces}"
    if binding["roleRef"]["name"] != manifests.one("Role")["metadata"]["name"] or (
            binding["subjects"][0]["name"] != manifests.one("ServiceAccount")["metadata"]["name"]):
        yield "RoleBinding: names others"
    version = tomllib.loads((TOP / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    secret = manifests.one("Secret")
    for title, pod, ours in pod_specs(manifests):
        container = pod["containers"][ours]
        if container["image"] != f"mariasnap:{version}":
            yield f"{title}: image {container['image']}, and the program is {version}"
        config = mounted(pod, container, "/etc/mariasnap/targets")
        config = manifests.one("ConfigMap", config["configMap"]["name"])["data"]
        if list(config) != ["main.toml"]:
            yield f"{title}: the ConfigMap's keys become the files below targets"
        if mounted(pod, container, "/etc/mariasnap/secret")["secret"]["secretName"] != secret["metadata"]["name"]:
            yield f"{title}: another Secret"
        file = tomllib.loads(config["main.toml"])["database"].get("defaults_file", "").rpartition("/")
        if file[0] != "/etc/mariasnap/secret" or file[2] not in secret["stringData"]:
            yield f"{title}: defaults_file isn't in the Secret"
    if "REPLACE" not in secret["stringData"]["main.cnf"]:
        yield "Secret: the password isn't obviously to be replaced"
    build = (TOP / "packaging/container/build").read_text()
    if "uid=65532\n" not in build or f"--config.entrypoint {BINARY} " not in build:
        yield "packaging/container/build: another user or entrypoint"


def patience(config):
    """For how long a freeze may try before it gives up, in seconds."""
    config = tomllib.loads(config)
    return SLACK + duration(config["quiet"]["wait"]) + duration(config["lock"]["max_wait"])


def command_lines(manifests, program):
    container = manifests.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    if container["args"] != ["freeze", "main", "--once", "--json"] or "command" in container:
        yield f"Deployment: args {container['args']}"
    probe = container["readinessProbe"]
    if probe["exec"]["command"] != [BINARY, "frozen", "main"]:
        yield f"Deployment: readiness {probe['exec']['command']}"
    if (probe["periodSeconds"], probe["failureThreshold"]) != (1, 1):
        yield "Deployment: readiness looks every second and believes what it sees"
    sidecar = manifests.patched()["spec"]["template"]["spec"]["containers"][1]
    annotations = manifests.patch()["spec"]["template"]["metadata"]["annotations"]
    commands = [annotations.get(f"{when}.hook.backup.velero.io/command", "[]") for when in ("pre", "post")]
    commands = [c for c in map(array, commands) if c]
    for arguments in [container["args"], probe["exec"]["command"][1:], sidecar["args"], *(c[1:] for c in commands)]:
        yield from program.understands(arguments)
    for _, document in manifests.objects():
        if document["kind"] == "ConfigMap":
            yield from (f"{document['metadata']['name']}: {fault}" for fault in program.accepts(document["data"]["main.toml"]))


def array(text):
    """What Velero makes of a command: a JSON array of strings, or one word."""
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, list) and all(isinstance(word, str) for word in parsed) else None


def velero(manifests, _program):
    annotations = manifests.patch()["spec"]["template"]["metadata"]["annotations"]
    container = manifests.patch()["spec"]["template"]["spec"]["containers"][0]["name"]
    wait = patience(manifests.one("ConfigMap", "mariasnap-velero")["data"]["main.toml"])
    for when, command, least in [
        ("pre", [BINARY, "freeze", "main", "--detach"], wait), ("post", [BINARY, "thaw", "main"], 30),
    ]:
        said = {key.rpartition("/")[2]: text for key, text in annotations.items() if key.startswith(f"{when}.hook.backup.")}
        if set(said) != {"container", "command", "on-error", "timeout"}:
            yield f"velero: {when}: {sorted(said)}"
            continue
        if said["container"] != container:
            yield f"velero: {when}: there is no container {said['container']}"
        if array(said["command"]) != command:
            yield f"velero: {when}: command {said['command']}"
        if said["on-error"] != "Fail":
            yield f"velero: {when}: on-error {said['on-error']}"
        try:
            if duration(said["timeout"]) < least:
                yield f"velero: {when}: timeout {said['timeout']} is below {least} s"
        except ValueError as error:
            yield f"velero: {when}: timeout: {error}"
    if other := [key for key in annotations if not re.match(r"(pre|post)\.hook\.backup\.velero\.io/", key)]:
        yield f"velero: unknown annotations {other}"


def blueprint(manifests, _program):
    found, deployment = manifests.one("Blueprint"), manifests.one("Deployment")
    wait = patience(manifests.one("ConfigMap", "mariasnap")["data"]["main.toml"])
    for step in [
        lambda: kanister.of_form(found),
        lambda: kanister.of_order(found, deployment, wait),
        lambda: kanister.of_conditions(found),
    ]:
        faults = list(step())
        yield from faults
        # Each relies on what those before it have seen.
        if faults:
            return


ALL = (schemas, hardening, names, command_lines, velero, blueprint)
