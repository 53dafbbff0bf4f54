#!/usr/bin/env python3
"""Carries the facts of the published contract over into `facts.txt`: names, types, required members
and statuses, without a word of its prose. Needs PyYAML.

    ./extract.py orchestrator-20.0.yaml orchestrator-11.0.json > facts.txt

One line is one schema or one operation:

    JobDto Key:uuid *ReleaseName:string(0..128) State:Pending|Running Tags:[Tag] Id:int64~
    POST /odata/Jobs 201=JobDto 400 ?$expand:string *$filter:string <JobDto

`*` is required, `~` is read-only, `[T]` a list, `{T}` a dictionary, `(a..b)` bounds of a length or of a
number, `any` anything, `file` bytes; names with `|` between or behind
them are an enumeration. Of the operation: statuses with their answers, parameters of the
query after `?`, the body after `<`. Version 11.0 stands below with the operations that 20.0 no longer
has, and with the schemas that those use; theirs begin with `11:`.
"""

import json
import sys

import yaml

METHODS = ("get", "post", "put", "patch", "delete")
# Other spellings of the same number in the two versions.
NUMBERS = {"int32": "int32", "int64": "int64", "decimal": "number", "double": "number", "float": "number"}


def bounds(schema, low, high):
    if low not in schema and high not in schema:
        return ""
    return f"({schema.get(low, '')}..{schema.get(high, '')})"


def kind(schema, mark):
    """The type of a member in one word."""
    if "$ref" in schema:
        return mark + schema["$ref"].rsplit("/", 1)[-1]
    if "allOf" in schema:
        return kind(schema["allOf"][0], mark)
    if "enum" in schema:
        names = [str(value) for value in schema["enum"]]
        return "|".join(names) + "|" * (len(names) == 1)
    match schema.get("type"):
        case "array":
            return f"[{kind(schema['items'], mark)}]"
        case "object" if isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
            return "{" + kind(schema["additionalProperties"], mark) + "}"
        case "string":
            form = schema.get("format")
            return (form if form in ("uuid", "date-time", "byte") else "string") + bounds(schema, "minLength", "maxLength")
        case "integer" | "number":
            return NUMBERS.get(schema.get("format"), "number") + bounds(schema, "minimum", "maximum")
        case "boolean":
            return "bool"
        case "file":
            return "file"
        case _:
            return "any"


def all_of(schema, schemas):
    """Members and required names, with those of the schemas that it is made of."""
    members, required = dict(schema.get("properties", {})), set(schema.get("required", []))
    for part in schema.get("allOf", []):
        if "$ref" in part:
            part = schemas[part["$ref"].rsplit("/", 1)[-1]]
        inherited, needed = all_of(part, schemas)
        members = inherited | members
        required |= needed
    return members, required


def schema_line(name, schema, schemas, mark):
    if "enum" in schema or schema.get("type") not in ("object", None):
        return f"{mark}{name} = {kind(schema, mark)}"
    members, required = all_of(schema, schemas)
    open_members = "additionalProperties" in schema and schema["additionalProperties"] is not False
    words = [mark + name]
    for member, of in members.items():
        star, tilde = "*" * (member in required), "~" * bool(of.get("readOnly"))
        words.append(f"{star}{member}:{kind(of, mark)}{tilde}")
    return " ".join(words + ["..."] * open_members)


def answer(response, mark):
    if "schema" in response:
        return kind(response["schema"], mark)
    content = response.get("content", {})
    if "application/json" in content:
        return kind(content["application/json"].get("schema", {}), mark)
    return "file" if content else ""


def body_of(operation, mark):
    for parameter in operation.get("parameters", []):
        if parameter.get("in") == "body":
            return kind(parameter["schema"], mark)
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return kind(content["application/json"].get("schema", {}), mark)
    return "file" if content else ""


def operation_line(method, path, operation, mark):
    words = [method.upper(), path]
    for status, response in operation["responses"].items():
        of = answer(response, mark)
        words.append(f"{status}={of}" if of else status)
    query = []
    for parameter in operation.get("parameters", []):
        if parameter.get("in") == "query":
            star = "*" * bool(parameter.get("required"))
            query.append(f"{star}{parameter['name']}:{kind(parameter.get('schema', parameter), mark)}")
    if query:
        words += ["?"] + query
    body = body_of(operation, mark)
    return " ".join(words + ([f"<{body}"] if body else []))


def shape(method, path):
    """The operation without the names of its parameters, which differ between versions."""
    out, depth = "", 0
    for char in path.lower():
        depth += char in "({"
        if not depth or char in "(){}":
            out += char
        depth -= char in ")}"
    return method, out


def references(value, found):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            found.add(value["$ref"].rsplit("/", 1)[-1])
        for member in value.values():
            references(member, found)
    elif isinstance(value, list):
        for member in value:
            references(member, found)


def reachable(operations, schemas):
    found = set()
    references(operations, found)
    todo = list(found)
    while todo:
        more = set()
        references(schemas[todo.pop()], more)
        todo += more - found
        found |= more
    return found


def operations_of(document):
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def write(title, operations, schemas, mark):
    print(f"# {title}: {len(operations)} operations")
    for method, path, operation in sorted(operations, key=lambda o: (o[1].lower(), o[0])):
        print(operation_line(method, path, operation, mark))
    used = sorted(reachable([o for _, _, o in operations], schemas), key=str.lower)
    print(f"\n# {title}: {len(used)} schemas")
    for name in used:
        print(schema_line(name, schemas[name], schemas, mark))


def main(current, former):
    with open(current) as file:
        document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    with open(former) as file:
        old = json.load(file)
    print("# Facts of the published contract, made by extract.py, which says how to read them.\n")
    operations = operations_of(document)
    write("Orchestrator API 20.0", operations, document["components"]["schemas"], "")
    known = {shape(method, path) for method, path, _ in operations}
    gone = [o for o in operations_of(old) if shape(o[0], o[1]) not in known]
    print()
    write("API 11.0, what 20.0 no longer has", gone, old["definitions"], "11:")


if __name__ == "__main__":
    main(*sys.argv[1:])
