"""``planner report``: pages, workbooks and Markdown for people."""
