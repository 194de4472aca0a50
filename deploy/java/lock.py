"""Write shared/headrace/stack/java.lock from pom.xml. Needs Maven; users of the lock don't.

Each line: group:artifact:version:classifier:packaging sha256. The registry application is added to what Maven resolves.
"""

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE.parents[1] / "shared/headrace/stack/java.lock"
APICURIO = ("io.apicurio", "apicurio-registry-app", "3.0.9", "all", "tar.gz")


def maven(*arguments: str) -> str:
    """Run Maven on the pom; what it printed."""
    command = ["mvn", "-B", "-f", str(HERE / "pom.xml"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # fixed words


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Resolve, fetch, hash, write."""
    with tempfile.TemporaryDirectory() as folder:
        maven("dependency:copy-dependencies", f"-DoutputDirectory={folder}")
        listed = maven("dependency:list", "-DincludeScope=runtime")
        coordinates = re.findall(r"\[INFO\]\s+([\w.\-]+):([\w.\-]+):jar:([\w.\-]+):(?:compile|runtime)", listed)
        lines = [
            f"{group}:{name}:{version}::jar {sha256(Path(folder) / f'{name}-{version}.jar')}"
            for group, name, version in sorted(coordinates)
        ]
        group, name, version, classifier, packaging = APICURIO
        artifact = f"{group}:{name}:{version}:{packaging}:{classifier}"
        maven("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}")
        file = Path(folder) / f"{name}-{version}-{classifier}.{packaging}"
        lines.append(f"{group}:{name}:{version}:{classifier}:{packaging} {sha256(file)}")
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
