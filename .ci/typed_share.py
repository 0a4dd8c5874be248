"""Fail unless pyright finds enough of the public names typed:  typed_share.py REPORT.json LEAST"""

import json
import sys
from pathlib import Path

report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
share = report["typeCompleteness"]["completenessScore"]
print(f"{100 * share:.2f} % of {report['typeCompleteness']['packageName']} is typed for its users")
if share < float(sys.argv[2]):
    for symbol in report["typeCompleteness"]["symbols"]:
        if not symbol["isTypeKnown"]:
            print("  not wholly typed:", symbol["name"])
    sys.exit(1)
