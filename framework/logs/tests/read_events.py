"""Reads TensorBoard event files as TensorBoard itself does and prints {tag: [[step, value], ...]} as JSON.

Usage: PYTHON_WITH_TENSORBOARD read_events.py FOLDER
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={SCALARS: 0})
events.Reload()
tags = events.Tags()["scalars"]
print(json.dumps({tag: [[point.step, point.value] for point in events.Scalars(tag)] for tag in tags}))
