"""`linegram fieldtest`: calls with a real telephone, what was heard, and a report.

`plan`, `questions`, `listening` and `report` are pure; `line` and `sound` place
one call; `guide` leads the person through all of them.
"""
