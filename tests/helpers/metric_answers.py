"""Answers questions by MetricFlow in the current folder, which `pipelines.transform.metrics` prepares.

Runs in the environment `.venv-metrics`. Standard input is JSON: a list of metrics and groups. Standard output: of each
its rows.
"""

import json
import sys

from dbt_metricflow.cli.cli_configuration import CLIConfiguration
from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

configuration = CLIConfiguration()
configuration.setup(configure_file_logging=False)
answers = []
for metrics, groups in json.load(sys.stdin):
    request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=groups)
    table = configuration.mf.query(request).result_df
    assert table is not None
    places = [table.column_names.index(name) for name in (*groups, *metrics)]
    answers.append([[row[place] for place in places] for row in table.rows])
json.dump(answers, sys.stdout, default=str)
