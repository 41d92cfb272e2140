#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: options, manual and completion
"""Every verb and option is the same in --help, in the manual docs/spillway.8, and in completion by bash and zsh."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import simulate
from tap import Tap

MANUAL = os.path.join(simulate.REPOSITORY, "docs", "spillway.8")
COMPLETION = os.path.join(simulate.REPOSITORY, "packaging", "spillway.bash")
ZSH_COMPLETION = os.path.join(simulate.REPOSITORY, "packaging", "zsh-completion")
# An interactive zsh in a pseudo-terminal: prints what it lists after $4.
ZSH = r"""
zmodload zsh/zpty
zpty shell "HOME=$3 ZDOTDIR=$3 PATH=$2:\$PATH zsh -f -i"
zpty -w shell 'PS1= PS2=; stty cols 200 rows 200'
zpty -w shell "fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; bindkey '^D' list-choices; setopt no_list_beep"
zpty -w shell "LISTMAX=1000; zstyle ':completion:*' verbose false; zstyle ':completion:*' list-grouped false"
zpty -w shell 'print READ""Y'
zpty -r shell out '*READY*'
zpty -w -n shell "$4"$'\C-D'"#END"
zpty -r shell out '*#END*'
print -r -- "$out"
zpty -d shell
"""
OPTION = re.compile(r"^  (?:-(\w),|   ) --([a-z]+)(?: (\S+))?  +\S")


def help_of(*verb):
    return simulate.run(*verb, "--help").stdout


def verbs_of_help():
    return re.findall(r"^  ([a-z]+) ", help_of().split("verbs:\n")[1].split("\n\n")[0], re.M)


def options_of_help(*verb):
    """All spellings of the options in --help, and those that take a value."""
    names, valued = set(), set()
    for match in filter(None, map(OPTION.match, help_of(*verb).splitlines())):
        spellings = {f"--{match[2]}"} | ({f"-{match[1]}"} if match[1] else set())
        names |= spellings
        valued |= spellings if match[3] else set()
    return names, valued


def options_in(lines):
    """Spellings of options in mdoc: `Fl \\-level`, `Fl Fl for`, `Fl q`."""
    text = re.sub(r"\.?\b(Fl)\s+\1\s+", r"Fl \\-", "\n".join(lines))
    found = re.findall(r"\bFl (\\-[a-z]+|[a-zA-Z])(?![\w])", text)
    return {f"--{name[2:]}" if name.startswith("\\-") else f"-{name}" for name in found}


def manual():
    """The options of each verb in the manual; those of the command under ""."""
    text = open(MANUAL, encoding="utf-8").read()
    section = text.split("\n.Sh VERBS\n")[1].split("\n.Sh ")[0].splitlines()
    description = text.split("\n.Sh DESCRIPTION\n")[1].split("\n.Sh ")[0].splitlines()
    found, verb, depth = {"": options_in(line for line in description if line.startswith(".It "))}, None, 0
    for line in section:
        depth += line.startswith(".Bl") - line.startswith(".El")
        begins = re.match(r"\.It Cm ([a-z]+)\b", line) if depth == 1 else None
        if begins:
            verb = begins[1]
            found.setdefault(verb, set())
        # Only lines that begin a verb or an option count; the text mentions other verbs' options.
        if verb and line.startswith(".It "):
            found[verb] |= options_in([line])
    return found


def complete(*words):
    """Completions by bash after these words, of which the last may be incomplete."""
    script = f"""PATH={os.path.dirname(simulate.SPILLWAY)}:$PATH; . {COMPLETION}
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _spillway; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script, "bash", "spillway", *words], capture_output=True, text=True, timeout=30, check=True)
    return set(done.stdout.split())


def complete_zsh(folder, line):
    """Words that zsh lists after @line."""
    done = subprocess.run(["zsh", "-f", "-c", ZSH, "zsh", folder, os.path.dirname(simulate.SPILLWAY), folder, line], cwd=folder,
                          capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "TERM": "dumb"})
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout.replace("\r", "\n"))
    rows = [row for row in text.splitlines() if "spillway " not in row and "#END" not in row]
    return {word for row in rows for word in row.split()} - {"#"}


def test_zsh(tap):
    if not shutil.which("zsh"):
        tap.skip("completion by zsh", "zsh is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ZSH_COMPLETION, os.path.join(folder, "_spillway"))
        tap.equal(complete_zsh(folder, "spillway "), set(verbs_of_help()), "zsh: all verbs")
        everywhere = options_of_help()[0]
        for verb in ("list", "doctor", "simulate"):
            long = {name for name in everywhere | options_of_help(verb)[0] if name.startswith("--")}
            tap.equal(complete_zsh(folder, f"spillway {verb} --"), long, f"zsh: options of {verb}")
        levels = {"green", "yellow", "orange", "red"}
        tap.equal(complete_zsh(folder, "spillway simulate --level "), levels, "zsh: --level")
        tap.equal(complete_zsh(folder, "spillway -c x.yaml level set "), levels, "zsh: level set, behind -c")
        tap.equal(complete_zsh(folder, "spillway top --by "), {"packets", "bytes", "new", "dropped"}, "zsh: --by")
        tap.equal(complete_zsh(folder, "spillway list "), {"show", "add", "remove", "import", "flush"}, "zsh: list")


def test_manual(tap):
    of_manual = manual()
    tap.equal(set(of_manual) - {""}, set(verbs_of_help()), "verbs of the manual and of --help")
    tap.equal(of_manual[""] - {"--"}, options_of_help()[0], "options of the command in the manual and in --help")
    for verb in verbs_of_help():
        tap.equal(of_manual.get(verb), options_of_help(verb)[0], f"{verb}: options of the manual and of --help")


def test_options_are_read(tap):
    """The parser accepts what --help shows; a trailing -h prevents any action."""
    for verb in verbs_of_help():
        names, valued = options_of_help(verb)
        refused = []
        for name in names:
            for words in ([name, "x"], [f"{name}=x"]) if name in valued and name.startswith("--") else ([name],):
                words = [*words, "x"] if name in valued and len(words) == 1 and "=" not in words[0] else words
                done = simulate.run(verb, *words, "-h")
                if done.returncode != 0 or done.stderr:
                    refused.append((words, done.stderr))
        tap.ok(not refused, f"{verb}: every option of --help is read", refused)
        done = simulate.run(verb, "--no-such-option")
        good = done.returncode == 2 and len(done.stderr.splitlines()) == 1 and f"spillway {verb} --help" in done.stderr
        tap.ok(good, f"{verb}: a wrong option gives one line that names --help, not the usage", done.stderr)


def test_completion(tap):
    tap.equal(complete(""), set(verbs_of_help()), "completion: all verbs")
    everywhere = options_of_help()[0]
    tap.equal(complete("-"), everywhere, "completion: options of the command")
    for verb in verbs_of_help():
        tap.equal(complete(verb, "-"), everywhere | options_of_help(verb)[0], f"completion: options of {verb}")
    levels = {"green", "yellow", "orange", "red"}
    tap.equal(complete("simulate", "--level", ""), levels, "completion: --level")
    tap.equal(complete("simulate", "--level", "=", "o"), {"orange"}, "completion: --level=o")
    tap.equal(complete("-c", "x.yaml", "level", "set", ""), levels, "completion: level set, behind -c")
    tap.equal(complete("top", "--by", "p"), {"packets"}, "completion: --by")
    tap.equal(complete("top", "--once", "--by", ""), {"packets", "bytes", "new", "dropped"}, "completion: behind an option without value")
    tap.equal(complete("list", ""), {"show", "add", "remove", "import", "flush"}, "completion: list")


def main():
    tap = Tap()
    tap.run(test_manual)
    tap.run(test_options_are_read)
    tap.run(test_completion)
    tap.run(test_zsh)
    tap.done()


if __name__ == "__main__":
    main()
