"""The figures of a run, drawn from its tables only."""

STAGE_VERSION = "7"
INDEX = "figures.json"  # what was drawn, with captions, for the report
WRITTEN = "written_"  # how the names of figures on what models write begin
FRONT = "front_"  # and of the pictures of what is kept in how many bytes, the first of the page
CLAIMS = "claims"  # and of those on the papers' findings
# the groups of figures that are drawn as a paper has them, in its numbering: they stand with the papers' index
AS_IN_PAPER, AS_IN_RECOVERY_PAPER = "as in the papers", "recovery, as the paper on it draws it"
