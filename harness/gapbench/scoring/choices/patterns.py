"""Patterns of what replies say about options, over strings of meanings (see :mod:`gapbench.scoring.choices.words`).

Every repetition is bounded, so that no reply takes long to read.
"""

from __future__ import annotations

import re

MAX_SENTENCE = 200
"""Words that are searched for the end of a sentence."""
MAX_STATEMENTS = 400
"""Only the last statements of a longer reply count."""
MAX_JOINED = 12
"""Options in one list."""
END = r"(?=[hlfok]{0,12}(?:&!|$|[.N,:;)(?!rbsFwudtE]|\"))"
FILL = r"[fhipomscknd()\"agYjlO]"
SUBJECT_START = r"(?:^|(?<=[N.?:,;bsruknhfotiwl&|()!FpY=a]))"
GROUP = r"L(?:[)]?(?:,?[|&]|,)[!foh(]{0,12}L){0,12}"


def _compile(pattern: str) -> re.Pattern[str]:
    """Return a pattern with ~end~, ~fill~, ~group~ and ~subject_start~ replaced."""
    parts = {"~end~": END, "~fill~": FILL, "~group~": GROUP, "~subject_start~": SUBJECT_START}
    for name, part in parts.items():
        pattern = pattern.replace(name, part)
    return re.compile(pattern)


FORMAL_ANSWER = _compile(
    r"F[:N,]{0,12}(?P<fill>~fill~{0,12}[=:Q]{0,12}~fill~{0,8})(?P<negated>!?)[fo]{0,12}(?P<L>L)"
)
STATED_ANSWER = _compile(
    r"(?<![xOa])(?P<noun>[no]|(?:^|(?<=[N.]))[fh]{0,12}[pc](?=[fo]{0,12}:(?!N)))[)]?(?P<gap>[^L.?NF:=Qqn]{0,10}?)(?P<separator>[=:Q]+N*(?:[:M]+N*){0,12}|N+(?=[fho:(]{0,12}L[hfp)]{0,12}(?:[.:]?N|[.:]?$|\.|:))|s)"
    r"(?P<fill>(?:(?!n)~fill~|!|=|:|[,w&]){0,12}?)(?P<L>L)"
)
NOUN_THEN_OPTION = _compile(r"n[fhpd?:]{0,12}(?P<L>L)=?~end~")
PREDICATE = _compile(
    r"~subject_start~(?P<group>~group~)(?P<aux>[)]?[oO]?[,:(fhdmj=il]{0,40}?)(?P<negated>!?)(?P<rest>[fhm=ailgjk(\"]{0,12})(?P<value>[pxvyzR]|(?<=[=fhip])[no](?![=:ON]))(?P<more>[pvxnhfoid]{0,3})"
)
REVERSED_PREDICATE = _compile(r"(?P<value>[px])[nofO]{0,12}[:=][,&]?[fo]{0,12}(?P<group>~group~)")
NEGATED_GROUP = _compile(
    r"(?:![fodhp=i]{0,12}|[eE][fod]{0,12})(?P<group>L(?:[)]?[,|&!]+[!foh]{0,12}L){0,12})"
)
CHOSEN = _compile(r"(?P<negated>!?)[mfhj]{0,12}c[fohpinkd:=,!\"]{0,12}?(?P<L>L)")
CONCLUDED = _compile(r"s[,:Ns]{0,12}(?P<fill>[fhiom=cknpd,a]{0,10})(?P<L>L)[o]?[:=]?~end~")
CONCLUDED_TEXT = _compile(r"s[^.NL?]{0,12}[=Q:](?P<L>L)(?=[.N,;]|$)")
OPTION_IT_IS = _compile(r"~subject_start~(?P<L>L)(?:i=|=i)~end~")
IS_OPTION = _compile(
    r"(?:(?<=[N.:,;bsruwl(hkt])|^)[hfk]{0,12}(?P<subject>[ifad]{0,12})(?P<modal>[mhj]{0,12})=+[fhop:=]{0,12}(?P<L>L)~end~"
)
MUST_BE = _compile(
    r"m[hf]{0,12}=*[fhop]{0,12}(?P<L>L)~end~|=[fd]{0,12}o(?P<L2>L)~end~|v[fd]{0,12}o(?P<L3>L)~end~"
)
NOT_BUT = _compile(r"![fohip=m]{0,12}L[^L.?N]{0,4}(?:[,:;.]|b[fh]{0,3}d?)[fhiom=bswpnN:]{0,12}(?P<L>L)~end~")
POSTFIX_NOT_BUT = _compile(r"Lf{0,6}z[,&]?[fho]{0,12}(?P<L>L)(?!f{0,6}z)")
ALL_EXCEPT = _compile(
    r"(?P<quantifier>[aA!][^.NL]{0,40}?)(?:q|(?<=[aofOA])b)[fod]{0,12}(?P<L>L)(?:~end~|(?=[fhm]{0,12}=?[fh]{0,12}[xpe]))"
)
ASKED = _compile(r"(?:^|(?<=[N.?:,;]))[fi=]{0,4}(?P<L>L)=?p?\?N?[fh]{0,3}(?P<value>[Yp!x])(?=[.N,;:]|$)")
CONCEDED = _compile(r"u[^.N?L]{0,6}L[^.N?]{0,40}[^.N?L],[hfs]{0,4}(?P<L>L)(?=[.N]|$)")
COMPARED = _compile(
    r"[tWORd][^.NL?]{0,6}(?P<first>L)[)]?[,&|du]{1,3}[fo]{0,2}(?P<second>L)[)]?,[hfs]{0,3}(?P<L>L)(?:[=m]{1,2}[fh]{0,3}p|v)"
)
CORRECTED = _compile(r"w[^L.?N]{0,8}(?P<L>L)~end~")
NO_DOUBT_ABOVE = _compile(r"![fmhj]{0,12}k[^,.N]{0,12}$|(?<!!)(?<!![fh])D[^,.N:]{0,12}$")
CLAUSE_BREAK = _compile(r"[.?N;]")
REVERSAL = _compile(r"[bw]|,s|s|,fm{1,2}$")
APPOSITION = _compile(r"(?<![!x])L[fh]{0,12}(?P<value>[px])+[no]")
SYMBOL_THEN_OPTION = _compile(r"(?:^|N)(?P<value>[px])[:]?[of]{0,12}(?P<L>L)")
DOES = _compile(r"(?:^|(?<=[N.,;:bs]))(?P<L>L)[ho]{0,12}[m=]k?(?P<negated>!?)(?=[.N,;]|$)")
NONE_OF = _compile(r"ad?(?P<group>L(?:[)]?[,|&]+[fo(]{0,12}L){0,12})")
CHOSEN_AFTER = _compile(r"(?P<L>L)f*c~end~")
SUBJECT_NOUN = _compile(r"(?P<L>L)(?P<particle>[fo]+)n[=]{0,12}~end~")
THAT_IT_IS = _compile(r"i=+[fhop]{0,12}(?P<L>L)~end~")
IS_AT_END = _compile(r"=[fh]{0,12}(?P<L>L)~end~")
LINE_RIGHT = _compile(r"(?:[:,(=.]|[=mi][fh]{0,12})[hp]{0,12}[pY](?=[.,)(:n!ohvr]|$|[&s])|[:.,i][fh]{0,12}v")
LINE_WRONG = _compile(r"x|m!|=!|!=|!v|:!:|[:.,(]!$")
JOINT = _compile(r"[)]?(?P<joint>,?[|&]|,)[fho(\"]{0,6}(?P<L>L)")
JOINT_END = _compile(r"[)]{0,3}[fh]{0,6}")
PLAUSIBLE = _compile(r"~subject_start~(?P<L>L)[=m]{1,3}[fh]{0,3}l(?=[.N,;b&S]|$)")
MAKES = _compile(r"Z[fo]{0,3}(?P<L>L)[hf]{0,3}(?P<value>[pxn])")
SO_IS = _compile(r"S[fo]{0,3}(?P<L>L)")
REMAINS_OPTION = _compile(r"R[:f]{0,3}(?P<L>L)~end~")
IT_FITS = _compile(r"i[hm]{0,3}v[fdo]{0,3}(?P<L>L)~end~")
THINK_OPTION = _compile(r"k[fhi]{0,3}(?P<L>L)~end~|m[fh]{0,3}(?P<L2>L)[fh]{0,3}[kc](?=[.N,;]|$)")
NO_THEN_OPTION = _compile(r"(?:^|(?<=[N.:;?,s]))(?:!,|f?[!D]:)[fohi=m]{0,6}(?P<L>L)~end~")
BUT_THEN_OPTION = _compile(
    r"t[^.N]{0,12}b(?:,?[hfs]{0,4}(?P<L>L)~end~|(?:,|[^L.N!x?t]){0,6}?(?P<L2>L)(?=[=mhv](?![fh]{0,3}[!x])[^.N?]{0,20}(?:[.N]|$)))"
)
LONE_OPTION = _compile(
    r"(?P<head>[^L]*?)(?P<before>(?:^|[,:;bsr])[fohswi\"m=pcknF(]{0,16})(?P<L>L)(?:[)]?(?:,?[|&]|,)[hfo(]{0,6}L){0,12}(?P<after>[hfp)o:k\"]{0,12}|[,:(]{0,4}[rd].*|\([^)]{0,60}(?:\)[hfp]{0,6}(?:[,:&rd].*)?)?|[!E].*)"
)
INVERSE = _compile(r"[x][foO]{0,4}[=]+[fho:]{0,6}(?P<L>L)=?~end~")
INVERSE_PREDICATE = _compile(r"~subject_start~(?P<L>L)[)]?=[fh]{1,6}x[f]{0,2}o(?=[.,;N]|$)")
INVERSE_CLAUSE = _compile(
    r"o[fi]{0,3}[=sm]{1,3}[fh]{0,3}(?:x|!{1,2}[fh]{0,3}[pv])[f]{0,2}=[fho]{0,6}(?P<L>L)=?~end~"
)
SO_THE_ONE = _compile(r"(?:^|(?<=[N.]))?s[,:]?[^L.?N!tjn]{0,12}=[fh]{0,4}(?P<L>L)=?~end~")
LIST_BUT = _compile(r"![fohdip=mW]{0,6}L(?:,?[&|h!fdoW,]{0,6}L){0,8},?b[hfdsYoW=i]{0,4}(?P<L>L)=?~end~")
NAMED_AT_END = _compile(r"(?:[,:;]|s)[fh]{0,3}[on]f{0,2}(?P<L>L)[)]?[.]?N*$")
AFTER_HEADING = _compile(
    r"(?:^|N)[fh]{0,3}[ns][fhWn]{0,3}[:.]{0,2}N+(?P<sentence>[^.?NL!xt]{0,30}=[fho:]{0,6})(?P<L>L)"
)
ASKS_FOR_WRONG = _compile(r"(?:^|(?<=[N.;]))[^.N?]{0,30}W[^.N?]{0,30}[x!q]")
SAME_BREATH = _compile(r"[NF.,&:)(|fohpY]{0,12}")
DIRECT = (CONCEDED, COMPARED, ASKED)
"""Patterns that are sure even after a hypothesis or in a question."""
KINDS_OF_REPLIES = {"Y": "claim", "p": "claim", "!": "out", "x": "out"}
"""What the reply to a question such as ``B?`` says about the option."""
