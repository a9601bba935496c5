"""Report: records in, a page out. Nothing here needs torch."""

from brinell.report.html import write_html

__all__ = ["write_html"]
