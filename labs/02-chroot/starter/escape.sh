# Nothing to write here: escape.py goes into {{room}} and comes out again.
python3 escape.py {{room}}
