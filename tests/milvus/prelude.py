# What the tests say to Milvus in its own client's words: they prove our client by another.
import json, random, struct, sys, time, warnings
warnings.simplefilter("ignore")
import logging
logging.disable(logging.CRITICAL)
import grpc
import numpy
from pymilvus import DataType, MilvusClient
from pymilvus.grpc_gen import common_pb2, milvus_pb2 as pb, milvus_pb2_grpc, schema_pb2

url, db = sys.argv[1], sys.argv[2]
c = MilvusClient(uri=url, db_name=db) if db else MilvusClient(uri=url)
stub = milvus_pb2_grpc.MilvusServiceStub(grpc.insecure_channel(url.split("://")[1], options=[("grpc.max_receive_message_length", -1)]))


def call(method, request):
    if "db_name" in request.DESCRIPTOR.fields_by_name:
        request.db_name = db
    answer = getattr(stub, method)(request, timeout=60)
    status = answer if isinstance(answer, common_pb2.Status) else answer.status
    if status.code or status.error_code:
        raise SystemExit(f"{method}: {status.code} {status.reason}")
    return answer


def aliases(name):
    """Milvus 2.3 looks in the wrong database where it is asked for them alone, and Milvus Lite says them only so."""
    d = call("DescribeCollection", pb.DescribeCollectionRequest(collection_name=name))
    return sorted(d.aliases if d.collectionID else c.list_aliases(name).get("aliases", []))


def drop_all():
    for name in c.list_collections():
        for alias in aliases(name):
            c.drop_alias(alias)
        c.drop_collection(name)
    if db:
        c.drop_database(db)


def bits(value):
    """A value in which every bit shows."""
    if isinstance(value, (float, numpy.floating)):
        return struct.pack(">d", value).hex()
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return value


def columns(answer):
    """The values of each field, by raw protobuf: nothing is rounded or converted on the way."""
    out = {}
    for f in answer.fields_data:
        kind = f.WhichOneof("field")
        part = getattr(f, kind)
        data = part.WhichOneof("data")
        value = getattr(part, data) if data else None
        name = "$meta" if f.is_dynamic else f.field_name
        if data is None:
            out[name] = []
        elif kind == "vectors" and data == "float_vector":
            out[name] = [bits(list(value.data[i:i + part.dim])) for i in range(0, len(value.data), part.dim)]
        elif kind == "vectors" and data == "sparse_float_vector":
            out[name] = [v.hex() for v in value.contents]
        elif kind == "vectors":
            wide = {"binary_vector": part.dim // 8, "int8_vector": part.dim}.get(data, part.dim * 2)
            out[name] = [value[i:i + wide].hex() for i in range(0, len(value), wide)]
        elif data == "array_data":
            out[name] = [bits(list(getattr(v, v.WhichOneof("data")).data)) if v.WhichOneof("data") else [] for v in value.data]
        else:
            out[name] = [bits(v) for v in value.data]
        if len(f.valid_data):
            out[name] = [v if ok else None for v, ok in zip(out[name], f.valid_data)]
    return out


def loaded(name, partitions):
    """Each partition by itself: the server says of a collection only that something of it is loaded."""
    return [str(c.get_load_state(name, partition_name=partition)["state"]) == "Loaded" for partition in partitions]


def picture(name, ids=True):
    """All there is to a collection, as text that is the same only where everything is the same."""
    d = call("DescribeCollection", pb.DescribeCollectionRequest(collection_name=name))
    fields = [(f.name, f.data_type, f.is_primary_key, f.autoID, f.description, f.element_type, f.is_partition_key, f.nullable,
               str(f.default_value), sorted((p.key, p.value) for p in f.type_params)) for f in d.schema.fields if f.name != "$meta"]
    partitions = sorted(c.list_partitions(name))
    by_key = any(f.is_partition_key for f in d.schema.fields)
    state = loaded(name, [None] if by_key else partitions)
    try:
        indexes = call("DescribeIndex", pb.DescribeIndexRequest(collection_name=name)).index_descriptions
        indexes = sorted((i.field_name, i.index_name, sorted((p.key, p.value) for p in i.params)) for i in indexes)
    except SystemExit:
        indexes = []
    lines = [name, d.schema.description, d.schema.enable_dynamic_field, fields, d.shards_num, d.consistency_level, partitions,
             aliases(name), indexes, state,
             sorted((p.key, p.value) for p in d.properties if not p.key.startswith("db-tasks"))]
    if not indexes and not any(state):
        return json.dumps(lines)
    if not any(state):
        c.load_collection(name)
    names = [f.name for f in d.schema.fields if not f.is_dynamic] + (["$meta"] if d.schema.enable_dynamic_field else [])
    key = next(f.name for f in d.schema.fields if f.is_primary_key)
    readable = [p for p, there in zip(partitions, state) if there or not any(state)]
    for partition in [None] if by_key else readable:
        q = pb.QueryRequest(collection_name=name, expr="", output_fields=names, partition_names=[partition] if partition else [],
                            consistency_level=0)
        q.query_params.extend([common_pb2.KeyValuePair(key="limit", value="16000")])
        cols = columns(call("Query", q))
        rows = [[cols[n][i] for n in names] for i in range(len(cols.get(key, [])))]
        lines.append([partition, len(rows), sorted(rows, key=lambda row: json.dumps(row))])
    if not any(state):
        c.release_collection(name)
    return json.dumps(lines, sort_keys=True)


def pictures():
    """Of every collection that is nobody's but the user's."""
    for name in sorted(c.list_collections()):
        if "__" not in name:
            print(picture(name))


def simple(name, rows=10, start=0, text=False, alias=None, load=True, index="FLAT", **more):
    """A small collection."""
    s = c.create_schema(auto_id=more.pop("auto_id", False), description=f"simple {name}")
    s.add_field("id", DataType.VARCHAR if text else DataType.INT64, is_primary=True, **(dict(max_length=100) if text else {}))
    s.add_field("v", DataType.FLOAT_VECTOR, dim=4)
    c.create_collection(name, schema=s, **more)
    if index:
        ix = c.prepare_index_params()
        ix.add_index("v", index_type=index, metric_type="L2", index_name="by_v")
        c.create_index(name, ix)
    if rows:
        c.insert(name, [{**({} if s.auto_id else {"id": f"k{i}" if text else i}), "v": [i, 0.1, -i, 1 / (i + 1)]}
                        for i in range(start, start + rows)])
    if load:
        c.load_collection(name)
    if alias:
        c.create_alias(name, alias)


rnd = random.Random(7)


def vector(dim):
    return [rnd.uniform(-1, 1) for _ in range(dim)]


def index(name, field, kind, metric, called, **params):
    ix = c.prepare_index_params()
    ix.add_index(field, index_type=kind, metric_type=metric, index_name=called, params=params)
    c.create_index(name, ix)


def seed(rows=2500):
    """Every type that Milvus 2.3 knows, keys of both kinds, partitions, aliases, and every load state."""
    s = c.create_schema(enable_dynamic_field=True, description="one of each type \u2603")
    s.add_field("id", DataType.INT64, is_primary=True, description="the key")
    s.add_field("v", DataType.FLOAT_VECTOR, dim=16)
    for kind in ("BOOL", "INT8", "INT16", "INT32", "INT64", "FLOAT", "DOUBLE", "JSON"):
        s.add_field("a_" + kind.lower(), getattr(DataType, kind))
    s.add_field("a_text", DataType.VARCHAR, max_length=300)
    for kind in ("BOOL", "INT8", "INT32", "INT64", "FLOAT", "DOUBLE", "VARCHAR"):
        s.add_field("list_" + kind.lower(), DataType.ARRAY, element_type=getattr(DataType, kind), max_capacity=8,
                    **(dict(max_length=50) if kind == "VARCHAR" else {}))
    c.create_collection("everything", schema=s, consistency_level="Strong")
    index("everything", "v", "HNSW", "COSINE", "near", M=8, efConstruction=64)
    odd = ["", "'", '"', "\\", "\n", "\r\n", "\t", "\u2603", "\U0001F600", "\x01", "a" * 290]
    keys = [-2**63, -2**31 - 1, -2, -1, 0] + list(range(1, rows - 6)) + [2**53 + 1, 2**62]
    rnd.shuffle(keys)
    pick = lambda *some: rnd.choice(some)
    def row(i, k):
        return {
            "id": k, "v": vector(16), "a_bool": i % 3 == 0, "a_int8": i % 256 - 128, "a_int16": pick(-2**15, 2**15 - 1, i),
            "a_int32": pick(-2**31, 2**31 - 1, i), "a_int64": pick(-2**63, 2**63 - 1, i),
            "a_float": pick(0.1, -0.0, 3.4e38, 1e-45, float(i)), "a_double": pick(0.1, -0.0, 1.7e308, 5e-324, i / 3),
            "a_json": pick({"b": [1, 2.5, None], "a": "\u2603"}, {}, {"deep": {"er": 0.1}}) if i % 5 else {"n": i, "big": 2**60 + 1},
            "a_text": odd[i % len(odd)] + (str(i) if i % 2 else ""),
            "list_bool": [True, False][: i % 3], "list_int8": [-128, 127, i % 100][: i % 4], "list_int32": [i, -i][: i % 3],
            "list_int64": [2**62 + i] * (i % 9), "list_float": [0.1, i / 7][: i % 3], "list_double": [0.1, i / 7][: i % 3],
            "list_varchar": odd[:8][: i % 9],
            **({"extra": i, "m\u00fcll": {"deep": [i]}} if i % 2 else {}),
        }
    rows_of = [row(i, k) for i, k in enumerate(keys)]
    half = len(rows_of) // 2
    c.insert("everything", rows_of[:half])
    c.flush("everything")
    c.insert("everything", rows_of[half:])
    c.load_collection("everything")
    c.create_alias("everything", "all_of_it")
    c.create_alias("everything", "current")

    s = c.create_schema(description="string keys, partitions")
    s.add_field("id", DataType.VARCHAR, is_primary=True, max_length=320)
    s.add_field("v", DataType.FLOAT_VECTOR, dim=8)
    c.create_collection("docs", schema=s, num_shards=2, consistency_level="Bounded", properties={"collection.ttl.seconds": 864000})
    index("docs", "v", "IVF_FLAT", "L2", "ivf", nlist=16)
    for at, partition in enumerate(["_default", "one", "two"]):
        if at:
            c.create_partition("docs", partition)
        c.insert("docs", [{"id": o + f"{partition}{i}", "v": vector(8)} for i, o in zip(range(400), odd * 50)], partition_name=partition)
    c.create_partition("docs", "nobody")
    c.flush("docs")

    s = c.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("who", DataType.VARCHAR, max_length=50, is_partition_key=True)
    s.add_field("code", DataType.BINARY_VECTOR, dim=64)
    c.create_collection("codes", schema=s, num_partitions=4)
    index("codes", "code", "BIN_FLAT", "JACCARD", "bits")
    c.insert("codes", [{"id": i * 3, "who": f"tenant {i % 11}", "code": bytes(rnd.randrange(256) for _ in range(8))} for i in range(500)])
    c.load_collection("codes")

    simple("partly", 0, load=False)
    c.create_partition("partly", "hot")
    c.insert("partly", [{"id": i, "v": vector(4)} for i in range(20)], partition_name="hot")
    c.insert("partly", [{"id": i, "v": vector(4)} for i in range(20, 50)])
    c.load_partitions("partly", ["hot"])

    simple("bare", 30, load=False, index=None)
    simple("empty", 0, load=False)


def near(name, field, dim):
    """Ids and distances of neighbours, bit for bit."""
    r = random.Random(3)
    query = [[r.uniform(-1, 1) for _ in range(dim)] for _ in range(5)]
    print([[(h["id"], bits(h["distance"])) for h in hits] for hits in c.search(name, query, anns_field=field, limit=10, consistency_level="Strong")])
