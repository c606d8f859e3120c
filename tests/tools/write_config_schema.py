"""Write `docs/pipeline.schema.json` again after a change of the models: `python -m tests.tools.write_config_schema`."""

from __future__ import annotations

import json
from pathlib import Path

from bot.repo_config import schema

if __name__ == "__main__":
    target = Path(__file__).resolve().parents[2] / "docs" / "pipeline.schema.json"
    target.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
