"""The process one PDF is read in, started by `documents` with its limits as one JSON argument.

It takes the document as base64 from standard input, and writes its text or what is wrong with it as JSON.
"""

import base64
import binascii
import importlib.util
import io
import json
import math
import sys


def main() -> None:
    limits = json.loads(sys.argv[1])
    _limit_this_process(limits["memory"], math.ceil(limits["seconds"]))
    try:
        outcome = _read(sys.stdin.buffer.read(), limits["pages"], limits["characters"])
    except (MemoryError, RecursionError):
        outcome = {"fault": "it takes too much memory to read"}
    sys.stdout.write(json.dumps(outcome))


def _limit_this_process(memory: int, seconds: int) -> None:
    if importlib.util.find_spec("resource") is None:  # Windows: its parent ends it in time all the same
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def _read(encoded: bytes, max_pages: int, max_characters: int) -> dict[str, str]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(base64.b64decode(encoded)))
        if reader.is_encrypted and not reader.decrypt(""):
            return {"fault": "it is encrypted"}
        count = len(reader.pages)
        if count > max_pages:
            return {"fault": f"it has {count} pages, and no more than {max_pages} are read"}
        pages: list[str] = []
        length = 0
        for page in reader.pages:
            pages.append(page.extract_text())
            length += len(pages[-1])
            if length > max_characters:
                return {"fault": f"it holds more than {max_characters} characters"}
    except binascii.Error:
        return {"fault": "it is not base64"}
    # A damaged document makes pypdf stumble in many ways; this process does nothing else.
    except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, NotImplementedError):
        return {"fault": "it is damaged, or no PDF"}
    text = "\n\n".join(pages)
    if not any(map(str.isalnum, text)):
        return {"fault": "it holds no text: it may be scanned"}
    return {"text": text.encode("utf-8", "replace").decode()}


if __name__ == "__main__":
    main()
