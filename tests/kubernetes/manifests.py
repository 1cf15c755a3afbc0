"""What lies in kubernetes/, parsed."""

import copy
import pathlib

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]


class UniqueKeys(yaml.SafeLoader):
    """YAML lets the last of two equal keys win, the API server refuses them."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Manifests:
    def __init__(self):
        self.files = {}
        for path in sorted((TOP / "kubernetes").rglob("*.yaml")):
            documents = list(yaml.load_all(path.read_text(), UniqueKeys))
            # Without the aliases, so that a break of one place is a break of one place.
            self.files[str(path.relative_to(TOP / "kubernetes"))] = [unshared(document) for document in documents]

    def objects(self):
        """All that `kubectl apply` takes."""
        for path, documents in self.files.items():
            if path != PATCH:
                yield from ((path, document) for document in documents)

    def one(self, kind, name=None):
        """The only object of this kind, or of this kind and name."""
        found = [o for _, o in self.objects() if o["kind"] == kind and name in (None, o["metadata"]["name"])]
        if len(found) != 1:
            raise LookupError(f"{len(found)} objects {kind} {name or ''}")
        return found[0]

    def patch(self):
        """What is merged into the database's StatefulSet."""
        return self.files[PATCH][0]

    def patched(self):
        """A StatefulSet as there may be one, with the patch merged in as the API server does: lists by their names."""
        labels = {"app.kubernetes.io/name": "mariadb"}
        spec = copy.deepcopy(self.patch()["spec"])
        spec["template"]["metadata"]["labels"] = labels
        spec["template"]["spec"]["containers"].insert(0, {"name": "mariadb", "image": "mariadb"})
        spec.update(serviceName="mariadb", selector={"matchLabels": labels})
        metadata = {"name": "mariadb", "namespace": "database", "labels": labels}
        return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}

    def copy(self):
        return copy.deepcopy(self)


PATCH = "velero/statefulset-patch.yaml"


def unshared(value):
    """deepcopy keeps what is shared shared."""
    if isinstance(value, dict):
        return {key: unshared(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unshared(inner) for inner in value]
    return value


def duration(text):
    """Go's, in seconds."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    number = text.rstrip("mhs")
    if not number or text[len(number):] not in units:
        raise ValueError(f"{text!r} is no duration with a unit")
    return float(number) * units[text[len(number):]]
