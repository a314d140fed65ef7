"""dbt's cross-database macros as sqlfluff renders them: models are linted without dbt, in seconds."""


def type_string() -> str:
    return "varchar"


def concat(parts: list[str]) -> str:
    return f"concat({', '.join(parts)})"


def hash(text: str) -> str:
    return f"md5({text})"


def datediff(first: str, second: str, part: str) -> str:
    return f"date_diff('{part}', {first}, {second})"
