# Runs pieces of Python, each in a child of its own that begins with the prelude: importing the client takes a second, and is done once.
#
#   helper.py URL SOCKET PRELUDE    takes [database, code] as JSON from each connection, and answers [done, said]
import contextlib, io, json, os, signal, socket, sys, traceback
import grpc, numpy, pymilvus
from pymilvus.grpc_gen import milvus_pb2_grpc

url, path, prelude = sys.argv[1:4]
prelude = compile(open(prelude).read(), prelude, "exec")


def answer(database, code):
    sys.argv = ["-", url, database]
    out, names = io.StringIO(), {"__name__": "__main__"}
    try:
        with contextlib.redirect_stdout(out):
            exec(prelude, names)
            exec(code, names)
        return [True, out.getvalue().rstrip()]
    except BaseException:
        return [False, f"{traceback.format_exc()}\n{code}"]


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(64)
print("ready", flush=True)
while True:
    connection = listener.accept()[0]
    if os.fork() == 0:
        with connection.makefile("rw") as stream:
            said = answer(*json.loads(stream.readline()))
            stream.write(json.dumps(said))
        connection.close()
        os._exit(0)
    connection.close()
