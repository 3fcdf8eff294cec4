"""What the references of a schema name."""

from urllib.parse import unquote

from ...domain.json_values import JsonObject, JsonValue


def named(root: JsonObject, reference: JsonValue) -> JsonValue:
    """Return what `reference` names in `root`; None if that is not in it."""
    if reference == "#":
        return root
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: JsonValue = root
    for step in reference[2:].split("/"):
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
