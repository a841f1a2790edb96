#!/usr/bin/env python3
"""Embeds text files into the binary as C++ constants.

    embed.py sql NAME OUTDIR FILES…         one pg::Statement constant per .sql file, and the list of all of them
    embed.py sdl NAME OUTDIR FILES…         the module's GraphQL SDL, one constant per file
    embed.py words NAME OUTDIR FILES…       lists of words, one a line; lines that begin with # are left out
    embed.py migrations NAME OUTDIR FILES…  the numbered migrations with their SHA-256

A .sql file holds one statement; its leading `--` comment lines stay in the file and are not sent to the server.
"""
import hashlib
import os
import sys

# Longer string literals are split: compilers only promise 65,536 characters.
CHUNK = 8000


def literal(text: str) -> str:
    parts = [text[i:i + CHUNK] for i in range(0, len(text), CHUNK)] or [""]
    return "\n    ".join('R"phx~(' + p + ')phx~"' for p in parts)


def write(path: str, text: str) -> None:
    if os.path.exists(path) and open(path, encoding="utf-8").read() == text:
        os.utime(path)
        return
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def statement(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().rstrip(";")


def main() -> int:
    kind, name, outdir, files = sys.argv[1], sys.argv[2], sys.argv[3], sorted(sys.argv[4:])
    os.makedirs(outdir, exist_ok=True)
    stems = [os.path.splitext(os.path.basename(f))[0] for f in files]
    if len(set(stems)) != len(stems):
        print("embed.py: two files of one module share a name: " + ", ".join(sorted(stems)), file=sys.stderr)
        return 1
    folder = os.path.basename(outdir) if kind == "migrations" else os.path.relpath(outdir, os.path.join(outdir.split("/gen/")[0], "gen"))
    if kind == "sql":
        header = "#pragma once\n#include <span>\n#include \"pg/statement.hpp\"\nnamespace phx::sql::%s {\n" % name
        body = '#include "%s/sql.gen.hpp"\nnamespace phx::sql::%s {\n' % (folder, name)
        for path, stem in zip(files, stems):
            header += "extern const ::phx::pg::Statement %s;\n" % stem
            body += 'const ::phx::pg::Statement %s{"%s.%s",\n    %s};\n' % (stem, name, stem, literal(statement(read(path))))
        header += "/// Every statement of this module, for the test that prepares each against the migrated schema.\n"
        header += "std::span<const ::phx::pg::Statement* const> all();\n}  // namespace\n"
        body += "std::span<const ::phx::pg::Statement* const> all() {\n  static const ::phx::pg::Statement* const list[] = {%s};\n  return list;\n}\n}\n" % ", ".join("&" + s for s in stems)
        write(os.path.join(outdir, "sql.gen.hpp"), header)
        write(os.path.join(outdir, "sql.gen.cpp"), body)
    elif kind == "sdl":
        header = "#pragma once\n#include <string_view>\nnamespace phx::sdl::%s {\n" % name
        body = '#include "%s/sdl.gen.hpp"\nnamespace phx::sdl::%s {\n' % (folder, name)
        for path, stem in zip(files, stems):
            header += "extern const std::string_view %s;\n" % stem
            body += "const std::string_view %s =\n    %s;\n" % (stem, literal(read(path)))
        write(os.path.join(outdir, "sdl.gen.hpp"), header + "}\n")
        write(os.path.join(outdir, "sdl.gen.cpp"), body + "}\n")
    elif kind == "words":
        header = "#pragma once\n#include <string_view>\nnamespace phx::words::%s {\n" % name
        body = '#include "%s/words.gen.hpp"\nnamespace phx::words::%s {\n' % (folder, name)
        for path, stem in zip(files, stems):
            header += "extern const std::string_view %s;\n" % stem
            words = [line for line in read(path).splitlines() if line and not line.startswith("#")]
            body += "const std::string_view %s =\n    %s;\n" % (stem, literal("\n".join(words)))
        write(os.path.join(outdir, "words.gen.hpp"), header + "}\n")
        write(os.path.join(outdir, "words.gen.cpp"), body + "}\n")
    elif kind == "migrations":
        header = ("#pragma once\n#include <span>\n#include <string_view>\nnamespace phx::pg {\n"
                  "struct EmbeddedMigration {\n  int number;\n  std::string_view name;\n  std::string_view sha256;\n  std::string_view text;\n};\n"
                  "/// All migrations of this binary, in order of number.\nstd::span<const EmbeddedMigration> embedded_migrations();\n}\n")
        body = '#include "pg/migrations.gen.hpp"\nnamespace phx::pg {\nnamespace {\nconst EmbeddedMigration kList[] = {\n'
        for path, stem in zip(files, stems):
            text = read(path)
            body += '  {%d, "%s", "%s",\n    %s},\n' % (int(stem.split("_")[0]), stem, hashlib.sha256(text.encode()).hexdigest(), literal(text))
        if not files:
            body += '  {0, "", "", ""},\n'
        body += "};\n}\nstd::span<const EmbeddedMigration> embedded_migrations() { return std::span(kList).first(%d); }\n}\n" % len(files)
        write(os.path.join(outdir, "migrations.gen.hpp"), header)
        write(os.path.join(outdir, "migrations.gen.cpp"), body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
