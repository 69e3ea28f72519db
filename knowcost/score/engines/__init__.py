"""How models are asked: one module per engine, of the name that Kind has for it.

Each has `ask(respondent, benchmark_file, limit, plan)`, which returns (pyarrow.Table of the measure's schema,
metadata with at least asked, dropped, batch_plan, limit).
"""
