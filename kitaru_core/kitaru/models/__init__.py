"""Models for `llm()`: their aliases, who serves them, and what a call costs."""
