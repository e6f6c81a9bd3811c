"""The process the llama.cpp server runs in, started by `server` with its options as one JSON argument.

It writes its port to standard output, once, when the model is loaded and the port answers; everything else it says goes
to standard error. It ends when standard input does, which is when its parent has closed it or is gone.
"""

import json
import os
import signal
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

import xllamacpp


def main() -> None:
    # Terminals and service managers signal the whole group, while the parent still has answers to finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    report = os.dup(1)
    os.dup2(2, 1)
    lifeline = threading.Thread(target=_end_with_parent, daemon=True)
    lifeline.start()
    server = xllamacpp.Server(_parameters(json.loads(sys.argv[1])))
    with open(report, "w") as stream:
        stream.write(str(urlsplit(server.listening_address).port))
    lifeline.join()


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def _parameters(options: dict[str, Any]) -> "xllamacpp.CommonParams":
    params = xllamacpp.CommonParams()
    params.model.path = options["model_path"]
    params.model_alias = {options["alias"]}
    params.hostnames = ["127.0.0.1"]
    params.port = options["port"]
    params.n_parallel = options["slots"]
    params.n_ctx = options["context_size"] * options["slots"]
    params.cpuparams.n_threads = options["threads"]
    params.cpuparams_batch.n_threads = options["threads"]
    params.n_gpu_layers = 0
    params.use_jinja = True
    params.chat_template = options["chat_template"]
    # Loads the model once more just to measure it, which takes longer than all the rest of the start.
    params.fit_params = False
    # Saved prompts in memory, in MiB; the default, 8192, is more than this model is worth.
    params.cache_ram_mib = 256
    # The default lets any web page in a browser on this machine read the answers.
    params.cors_origins = ""
    params.endpoint_slots = False
    params.offline = True
    params.ui = False
    return params


if __name__ == "__main__":
    main()
