"""The limit: the cost of DuckDB alone from file to three tables, without validation, keys, history or rejects.

Types are spelled out, so that nothing is inferred.
"""

from pathlib import Path
from typing import Final

import duckdb

_AUTHOR: Final = "STRUCT(id VARCHAR, email VARCHAR, firstname VARCHAR, lastname VARCHAR)"
_ANNOTATION: Final = (
    "STRUCT(mid VARCHAR, type VARCHAR, beginOffset INT, endOffset INT, content VARCHAR,"
    " boundingPoly STRUCT(normalizedVertices STRUCT(x DOUBLE, y DOUBLE)[])[],"
    " categories STRUCT(name VARCHAR, confidence DOUBLE)[])"
)
_ANSWER: Final = (
    f"STRUCT(categories STRUCT(name VARCHAR, confidence DOUBLE)[], text VARCHAR, annotations {_ANNOTATION}[])"
)
_LABEL: Final = (
    f"STRUCT(id VARCHAR, author {_AUTHOR}, labelType VARCHAR, createdAt TIMESTAMP, isLatestLabelForUser BOOLEAN,"
    f" skipped BOOLEAN, secondsToLabel INT, jsonResponse MAP(VARCHAR, {_ANSWER}))"
)


def load(export: Path, database: Path) -> int:
    """Loads a JSON list of assets into `assets`, `labels` and `annotations`. Returns the number of annotations."""
    with duckdb.connect(str(database)) as db:
        db.execute(
            f"""create temp table raw as select * from read_json('{export}', maximum_object_size = 1000000000, columns =
            {{id: 'VARCHAR', externalId: 'VARCHAR', content: 'VARCHAR', jsonMetadata: 'JSON', status: 'VARCHAR',
            updatedAt: 'TIMESTAMP', labels: '{_LABEL}[]'}})"""
        )
        db.execute("create table assets as select * exclude (labels) from raw")
        db.execute(
            """create table labels as
            select id as asset_id, l.id as label_id, l.author.id as author_id, l.author.email as email, l.labelType,
                   l.createdAt, l.isLatestLabelForUser, l.skipped, l.secondsToLabel, l.jsonResponse as answers
            from (select id, unnest(labels) as l from raw)"""
        )
        db.execute(
            """create table annotations as
            select label_id, job, a.* from (
                select label_id, job, unnest(answer.annotations) as a from (
                    select label_id, unnest(map_keys(answers)) as job, unnest(map_values(answers)) as answer
                    from labels))"""
        )
        return int(db.execute("select count(*) from annotations").fetchall()[0][0])
