"""Finds letters that belong to another name: "E. coli", "vitamin C", "hepatitis B", "Appendix D", "group A streptococcus"."""

from __future__ import annotations

import re

SPECIES = """coli|difficile|diff|elegans|subtilis|pylori|anthracis|botulinum|influenzae|melanogaster|thaliana|albicans|faecalis|faecium|
    cereus|fragilis|scapularis|lamblia|duodenalis|burgdorferi|trachomatis|perfringens|histolytica|fumigatus|flavus|niger|pertussis|
    tularensis|vaginalis|diphtheriae|jejuni|baumannii|tetani|psittaci|burnetii|henselae|granulosus|lumbricoides|hydrophila|cloacae|
    freundii|pneumoniae|immitis|dermatitidis|capsulatum|ducreyi|israelii|neoformans|hominis|erectus|habilis|rerio|gallus|
    familiaris|sativa|sativus|indica|bicolor|aegypti|gambiae|abortus|melitensis|bovis|canis|vesca|musculus""".replace(
    "\n    ", ""
)
SPECIES_NAME = re.compile(rf"(?<![^\W_])([A-J])\.[ \t]?(?=(?:{SPECIES}|spp?)(?![^\W_]))")
LETTERED_NAME = re.compile(
    r"""\b(vitamine?|vitamina|hepatitis|hépatite|influenza|coenzyme|immunoglobulin|ig|pro-?vitamin|cytochrome|appendix|annex|exhibit|
        world\ war|prophase|metaphase|anaphase|telophase|meiosis|interphase|photosystem|glycogenin|ha?emoglobin|hemophilia|haemophilia|
        spectrum|tier|channel|troponin|apolipoprotein|protein(?=\ C\b)|amphotericin|cyclosporin|ciclosporin|botulinum\ toxin)
        [ \t]([A-J])(?=$|[^\w+#'])""",
    re.IGNORECASE | re.VERBOSE,
)
"""Names whose letter is never an option."""
DESCRIBED_NAME = re.compile(
    r"""(?<![^\W_])(?<!is\ )(?<!es\ )(?<!the\ )(?<!:\ )(?<!=\ )(group|type|plan|figure|fig\.|table|section|class|grade|factor|complex|category|schedule|series|chapter|part|
        level|stage|phase|gene|strain|point|angle|vertex|matrix|set|event|team|zone|region|block|unit|room|line|blood\ type)
        [ \t]([A-J])(?=[ \t](?!(?:is|are|was|has|would|must|should|can|does|fits|seems|because|since|as|and|or|but|not|it|matches|best|remains|wins|works|clearly|therefore)\b)[a-zäöüéèß-]{3,}\b|[ \t]?\()""",
    re.IGNORECASE | re.VERBOSE,
)
"""Names whose letter is not an option if another noun follows, as in "group A streptococcus"."""


def join_other_names(text: str) -> str:
    """Return ``text`` with a hyphen in each name that has a letter, so that the letter is part of a word."""
    text = SPECIES_NAME.sub(r"\1-", text)
    return DESCRIBED_NAME.sub(r"\1-\2", LETTERED_NAME.sub(r"\1-\2", text))
