"""Draws the rooms of the package and the imports between them, those inside functions too: docs/house.svg.

    python docs/house.py            # writes the drawing
    python docs/house.py --check    # says whether imports only go down, with the files of those that do not

A room stands one floor above the highest room that it imports.
"""

import ast
import collections
import html
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "keras_kd"
DRAWING = Path(__file__).parent / "house.svg"
WIDTH, HEIGHT, ROOM, LEFT = 900, 84, (118, 40), 30


def arrows(package=PACKAGE):
    """{(room, room that it imports): the files that import}."""
    found = collections.defaultdict(set)
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0]
        if room not in rooms:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            for module in _modules(node):
                parts = module.split(".")
                if parts[0] == "keras_kd" and len(parts) > 1 and parts[1] in rooms - {room}:
                    found[room, parts[1]].add(str(path.relative_to(package)))
    return dict(found), rooms


def _modules(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module == "keras_kd":
        return [f"keras_kd.{alias.name}" for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def floors(found, rooms):
    """The rooms of each floor from the ground up; rooms that import each other in a circle stand on none."""
    placed, floors = set(), []
    while placed < rooms:
        below = {room for room in rooms - placed if all(to in placed for one, to in found if one == room)}
        if not below:
            break
        floors.append(sorted(below))
        placed |= below
    return floors


def drawing(found, floors):
    """The drawing as SVG."""
    total = HEIGHT * len(floors) + 20
    place = {}
    for number, rooms in enumerate(floors):
        step = (WIDTH - 2 * LEFT) / len(rooms)
        for index, room in enumerate(rooms):
            place[room] = (LEFT + step * (index + 0.5), total - HEIGHT * (number + 0.5) - 10)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{total}" fill="white"/>',
    ]
    for (one, to), files in sorted(found.items()):
        (x, y), (u, v) = place[one], place[to]
        title = html.escape(f"{one} imports {to} in {len(files)} files")
        out.append(
            f'<line x1="{x:.0f}" y1="{y + ROOM[1] / 2:.0f}" x2="{u:.0f}" y2="{v - ROOM[1] / 2:.0f}" stroke="#5b7fa6" '
            f'stroke-opacity="0.45" stroke-width="{min(1 + len(files) / 8, 5):.1f}"><title>{title}</title></line>'
        )
    for room, (x, y) in sorted(place.items()):
        lines = sum(len(path.read_text().splitlines()) for path in (PACKAGE / room).rglob("*.py"))
        out.append(
            f'<rect x="{x - ROOM[0] / 2:.0f}" y="{y - ROOM[1] / 2:.0f}" width="{ROOM[0]}" height="{ROOM[1]}" rx="6" '
            f'fill="#eef3f9" stroke="#2f4b6e"><title>{room}: {lines} lines</title></rect>'
            f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" fill="#1d2f45">{room}</text>'
        )
    return "\n".join([*out, "</svg>\n"])


def main():
    found, rooms = arrows()
    levels = floors(found, rooms)
    for number, names in reversed(list(enumerate(levels, 1))):
        print(f"{number}  {', '.join(names)}")
    circle = sorted(rooms - {room for names in levels for room in names})
    print(f"{len(rooms)} rooms, {len(levels)} floors, {len(found)} arrows, {'no circle' if not circle else circle}")
    if circle:
        for (one, to), files in sorted(found.items()):
            if one in circle and to in circle:
                print(f"  {one} imports {to}: {', '.join(sorted(files))}")
        sys.exit(1)
    if "--check" not in sys.argv:
        DRAWING.write_text(drawing(found, levels))


if __name__ == "__main__":
    main()
