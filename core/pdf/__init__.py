"""The report on one slice as a PDF file."""

from core.pdf.report import write_report

__all__ = ["write_report"]
