"""The code blocks of the documents: found, read with the marks that stand before them, and done."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "README.md"]
_FENCE = re.compile(r"^( *)(`{3,}|~{3,}) *([\w-]*)\s*$")
_MARK = re.compile(r"<!-- (needs|file|not): (.+) -->|<!-- (not) (code) -->")


@dataclass(frozen=True)
class Block:
    """language: of its fence; of an indented block "sh" or "python", by what it begins with. mark: as (kind, value)."""

    document: str
    line: int
    language: str
    text: str
    mark: tuple[str, str] = ("", "")

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """Split a shell block into commands, and these into words."""
        joined = self.text.replace("\\\n", " ")
        return [shlex.split(part) for line in joined.splitlines() if line.strip() for part in line.split("&&")]


def blocks(path: Path) -> list[Block]:
    """List the fenced and indented code blocks of a document, in order."""
    lines, found, mark, at = path.read_text().splitlines(), [], ("", ""), 0
    name = path.relative_to(ROOT).as_posix()
    while at < len(lines):
        start, line = at, lines[at]
        at += 1
        if match := _MARK.fullmatch(line.strip()):
            mark = (match[1] or match[3], match[2] or match[4])
            continue
        if fence := _FENCE.match(line):
            while lines[at].strip() != fence[2]:
                at += 1
            found.append(Block(name, start + 1, fence[3], "\n".join(lines[start + 1 : at]) + "\n", mark))
            at += 1
        elif line.startswith("    ") and (start == 0 or not lines[start - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            text = "\n".join(row[4:] for row in lines[start:at]).rstrip() + "\n"
            shell = re.match(r"(python|pip|torchrun|RANK=|sbatch) ?", text)
            found.append(Block(name, start + 1, "sh" if shell else "python", text, mark))
        elif not line.strip():
            continue
        mark = ("", "")
    return found


def patched(text: str, diff: str) -> str:
    """Apply the one change of a diff without line numbers; what it expects must stand in the text once."""
    rows = diff.splitlines(keepends=True)[1:]
    old = "".join(row[1:] for row in rows if row[0] != "+")
    assert text.count(old) == 1, f"stands there {text.count(old)} times: {old}"
    return text.replace(old, "".join(row[1:] for row in rows if row[0] != "-"))


def sentences(path: Path) -> list[str]:
    """List the sentences of a document outside of code and headings; a row of a table is one."""
    text = re.sub(r"<!--.*?-->", "", path.read_text())
    code = {line for block in blocks(path) for line in range(block.line, block.line + block.text.count("\n"))}
    kept = ["" if number in code else line for number, line in enumerate(text.splitlines(), 1)]
    found = []
    for paragraph in re.split(r"\n\s*\n|\n(?=[-|] ?)", "\n".join(kept)):
        line = " ".join(paragraph.split())
        if line.startswith("|"):
            found.append(line)
        elif not line.startswith("#"):
            found += re.split(r"(?<=[.!?]) (?=[A-Z`])", line.removeprefix("- "))
    return [one for one in found if re.search(r"\w", one)]
