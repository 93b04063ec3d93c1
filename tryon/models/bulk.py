"""Many rows, each with values of its own, in one conditional UPDATE that tells which rows it found.

For PostgreSQL, and SQLite from 3.35 on: the ledger needs its RETURNING as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from django.db import connection, models

T = TypeVar("T")
TEXTS = ("varchar", "text")  # a cast would shorten what is too long; without one it is refused


def update_each(
    model: type[models.Model],
    rows: Mapping[Any, Mapping[str, Any]],
    *,
    where: Mapping[str, Collection[Any]],
    counting: str = "",
) -> set[Any]:
    """Set the fields of ``rows`` (primary key -> values; the same fields in each): the keys of those that were updated.

    A row is updated only where each field of ``where`` has one of the values given. ``counting`` names a field that
    goes up by one.
    """
    found: set[Any] = set()
    keys, width = list(rows), 1 + max(map(len, rows.values()), default=0)
    most = connection.features.max_query_params
    size = max(1, (most - 50) // width - 1) if most else len(keys)
    for start in range(0, len(keys), size):
        found |= _together(model, {key: rows[key] for key in keys[start : start + size]}, where, counting)
    return found


def _together(
    model: type[models.Model],
    rows: Mapping[Any, Mapping[str, Any]],
    where: Mapping[str, Collection[Any]],
    counting: str,
) -> set[Any]:
    quote, options = connection.ops.quote_name, model._meta
    columns: dict[str, Any] = {field.name: field for field in options.concrete_fields}
    table, first = quote(options.db_table), next(iter(rows.values()))

    def saved(name: str, value: Any) -> Any:
        return columns[name].get_db_prep_save(value, connection)

    own: Any = options.pk
    kept = {own.get_db_prep_save(key, connection): key for key in rows}
    tuples = [[key] for key in kept]
    sets, params = [], []
    for name in first:
        column = quote(columns[name].column)
        if all(_is_same(values[name], first[name]) for values in rows.values()):
            sets.append(f"{column} = %s")
            params.append(saved(name, first[name]))
            continue
        for parameters, values in zip(tuples, rows.values(), strict=True):
            parameters.append(saved(name, values[name]))
        sets.append(f"{column} = {_typed(columns[name], f'v.column{len(tuples[0])}')}")
    if counting:
        column = quote(columns[counting].column)
        sets.append(f"{column} = {table}.{column} + 1")
    lists = ", ".join(f"({', '.join(['%s'] * len(tuples[0]))})" for _ in tuples)
    params += [parameter for parameters in tuples for parameter in parameters]
    pk = f"{table}.{quote(own.column)}"
    conditions = [f"{pk} = v.column1"]
    for name, allowed in where.items():
        conditions.append(f"{table}.{quote(columns[name].column)} IN ({', '.join(['%s'] * len(allowed))})")
        params += [saved(name, value) for value in allowed]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {', '.join(sets)} FROM (VALUES {lists}) AS v "  # noqa: S608 - names of our own columns
            f"WHERE {' AND '.join(conditions)} RETURNING {pk}",
            params,
        )
        return {kept[key] for (key,) in cursor.fetchall()}


def _is_same(one: Any, other: Any) -> bool:
    """1 and True are equal and not the same, and so may be what is in lists."""
    return type(one) is type(other) and one == other and not (isinstance(one, list | dict) and one)


def _typed(field: Any, value: str) -> str:
    """A list of values has the types of its constants: those of a column are told to PostgreSQL."""
    kind = field.db_type(connection) or ""
    return value if connection.vendor != "postgresql" or kind.startswith(TEXTS) else f"CAST({value} AS {kind})"


def in_rounds(items: Iterable[T], key: Callable[[T], Hashable]) -> Iterator[list[T]]:
    """``items`` in their order, cut so that no key comes twice in a round: what is written second stays second."""
    found: dict[Hashable, T] = {}
    for item in items:
        if key(item) in found:
            yield list(found.values())
            found = {}
        found[key(item)] = item
    if found:
        yield list(found.values())
