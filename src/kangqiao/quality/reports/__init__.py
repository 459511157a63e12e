"""Monthly quality reports: what one place's month says, in words, as a PDF and as a workbook."""
