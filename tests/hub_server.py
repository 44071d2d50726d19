"""A Hub on loopback: as much of its HTTP interface as uploading and loading a dataset needs.

It stores what it gets, so that a test can compare a repository byte for byte, and fails on demand.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = 'hf_TestTokenThatNobodyMaySee'
# The Hub's own rule for new repositories of datasets, in short.
LARGE = ('.parquet', '.mp4')


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next `times` requests that match `METHOD path`.

    `status` answers with it; without, the connection is cut, in the middle of a body; with `hang`
    nothing is answered until the server closes.
    """

    match: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    error: str = 'made up'
    hang: bool = False


@dataclasses.dataclass
class Blob:
    """A file of a revision: its content, or for a large one the name of it."""

    content: bytes
    large: bool

    def described(self, path: str) -> dict[str, Any]:
        """Return the file's entry in a listing."""
        header = b'blob %d\0' % len(self.content)
        entry: dict[str, Any] = {
            'type': 'file',
            'path': path,
            'size': len(self.content),
            'oid': hashlib.sha1(header + self.content).hexdigest(),
        }
        if self.large:
            entry['oid'] = hashlib.sha1(path.encode()).hexdigest()
            name = hashlib.sha256(self.content).hexdigest()
            entry['lfs'] = {'oid': name, 'size': len(self.content), 'pointerSize': 130}
        return entry


Tree = dict[str, Blob]


class Repository:
    """The revisions of one repository, newest last."""

    def __init__(self, private: bool) -> None:
        self.private = private
        self.tags: dict[str, str] = {}
        self.commits: list[tuple[str, Tree]] = []
        self.messages: list[str] = []
        self.commit({'.gitattributes': Blob(b'*.parquet filter=lfs\n', False)}, 'initial commit')

    @property
    def head(self) -> str:
        """The name of the newest revision."""
        return self.commits[-1][0]

    def commit(self, tree: Tree, message: str) -> str:
        """Add a revision and return its name."""
        name = hashlib.sha1(f'{len(self.commits)} {message}'.encode()).hexdigest()
        self.commits.append((name, tree))
        self.messages.append(message)
        return name

    def resolve(self, revision: str) -> tuple[str, Tree] | None:
        """Return the revision with this name, tag or branch."""
        name = self.head if revision == 'main' else self.tags.get(revision, revision)
        return next((commit for commit in self.commits if commit[0] == name), None)

    def files(self, revision: str = 'main') -> dict[str, bytes]:
        """Return what a reader gets at a revision."""
        found = self.resolve(revision)
        assert found is not None, revision
        return {path: blob.content for path, blob in found[1].items() if path != '.gitattributes'}


class HubServer:
    """The server, as a context; `url` is its endpoint, `storage` that for large contents."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.stored: list[str] = []
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self.part_size = 0
        self.closing = threading.Event()
        self.lock = threading.RLock()
        hub = self

        class Handler(_Handler):
            """Knows its server."""

            server_of_hub = hub

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        self.storage = self.url

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault_for(self, request: str) -> Fault | None:
        """Take the fault that is due for a request."""
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and re.search(fault.match, request):
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_of_hub: HubServer

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        hub = self.server_of_hub
        path = unquote(urlsplit(self.path).path)
        length = int(self.headers.get('Content-Length') or 0)
        fault = hub.fault_for(f'{self.command} {path}')
        if fault and fault.hang:
            hub.closing.wait()
            self.close_connection = True
            return
        if fault and not fault.status:
            self.rfile.read(length // 2)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if fault:
            self._answer(fault.status, {'error': fault.error}, **fault.headers)
            return
        if not path.startswith('/lfs/') and self.headers.get('Authorization') != f'Bearer {TOKEN}':
            self._answer(401, {'error': 'Invalid username or password.'})
            return
        with hub.lock:
            for pattern, answer in _ROUTES:
                if match := re.fullmatch(pattern, f'{self.command} {path}'):
                    answer(self, body, *match.groups())
                    return
        self._answer(404, {'error': f'no such address: {path}'})

    def _answer(self, status: int, content: Any = None, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def _revision(self, name: str, revision: str) -> tuple[Repository, str, Tree] | None:
        repository = self.server_of_hub.repositories.get(name)
        if repository is None:
            self._answer(404, {'error': 'Repository not found'}, X_Error_Code='RepoNotFound')
            return None
        found = repository.resolve(revision)
        if found is None:
            self._answer(404, {'error': 'Invalid rev id'}, X_Error_Code='RevisionNotFound')
            return None
        return repository, *found

    def _create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f'{asked["organization"] or "someone"}/{asked["name"]}'
        answer = {'url': f'{self.server_of_hub.url}/datasets/{name}'}
        assert asked['type'] == 'dataset'
        if name in self.server_of_hub.repositories:
            self._answer(409, {**answer, 'error': 'You already created this dataset repo'})
            return
        private = bool(asked.get('private')) or asked.get('visibility') == 'private'
        self.server_of_hub.repositories[name] = Repository(private)
        self._answer(200, answer)

    def _validate_yaml(self, body: bytes) -> None:
        self._answer(200, {'errors': [], 'warnings': []})

    def _info(self, body: bytes, name: str, revision: str | None = None) -> None:
        if found := self._revision(name, revision or 'main'):
            repository, oid, tree = found
            siblings = [{'rfilename': path} for path in tree]
            self._answer(
                200, {'id': name, 'sha': oid, 'private': repository.private, 'siblings': siblings}
            )

    def _tree(self, body: bytes, name: str, revision: str, folder: str | None) -> None:
        if found := self._revision(name, revision):
            inside = f'{folder}/' if folder else ''
            files = {path: blob for path, blob in found[2].items() if path.startswith(inside)}
            folders = {path.rsplit('/', 1)[0] for path in files if '/' in path}
            entries = [{'type': 'directory', 'path': p, 'oid': '0', 'size': 0} for p in folders]
            self._answer(200, entries + [blob.described(path) for path, blob in files.items()])

    def _refs(self, body: bytes, name: str) -> None:
        if found := self._revision(name, 'main'):
            repository, oid, _ = found
            tags = [
                {'name': tag, 'ref': f'refs/tags/{tag}', 'targetCommit': target}
                for tag, target in repository.tags.items()
            ]
            main = {'name': 'main', 'ref': 'refs/heads/main', 'targetCommit': oid}
            self._answer(200, {'branches': [main], 'converts': [], 'tags': tags})

    def _preupload(self, body: bytes, name: str, revision: str) -> None:
        if found := self._revision(name, revision):
            files = []
            for file in json.loads(body)['files']:
                large = file['path'].endswith(LARGE)
                blob = found[2].get(file['path'])
                oid = None
                if blob is not None:
                    entry = blob.described(file['path'])
                    oid = entry['lfs']['oid'] if blob.large else entry['oid']
                mode = 'lfs' if large else 'regular'
                files.append(
                    {'path': file['path'], 'uploadMode': mode, 'shouldIgnore': False, 'oid': oid}
                )
            self._answer(200, {'files': files})

    def _batch(self, body: bytes, name: str) -> None:
        hub = self.server_of_hub
        objects = []
        for item in json.loads(body)['objects']:
            oid, size = item['oid'], item['size']
            if oid not in hub.objects:
                store = f'{hub.storage}/lfs/{oid}'
                header = {}
                if 0 < hub.part_size < size:
                    parts = -(-size // hub.part_size)
                    header = {str(n + 1): f'{store}/{n + 1}' for n in range(parts)}
                    header['chunk_size'] = str(hub.part_size)
                item['actions'] = {
                    'upload': {'href': f'{store}?X-Signature=secret', 'header': header},
                    'verify': {'href': f'{hub.url}/verify'},
                }
            objects.append(item)
        self._answer(200, {'transfer': 'basic', 'objects': objects})

    def _put(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            self._answer(400, {'error': 'the content does not have this name'})
            return
        self.server_of_hub.objects[oid] = body
        self.server_of_hub.stored.append(oid)
        self._answer(200)

    def _put_part(self, body: bytes, oid: str, part: str) -> None:
        self.server_of_hub.objects[f'{oid}/{part}'] = body
        self._answer(200, ETag=f'"{part}"')

    def _complete(self, body: bytes, oid: str) -> None:
        parts = sorted(part['partNumber'] for part in json.loads(body)['parts'])
        self._put(b''.join(self.server_of_hub.objects[f'{oid}/{n}'] for n in parts), oid)

    def _verify(self, body: bytes) -> None:
        asked = json.loads(body)
        stored = self.server_of_hub.objects.get(asked['oid'], b'')
        self._answer(200 if len(stored) == asked['size'] else 404, {})

    def _commit(self, body: bytes, name: str, revision: str) -> None:
        found = self._revision(name, revision)
        if found is None:
            return
        repository, _, tree = found
        tree = dict(tree)
        message = ''
        for line in body.splitlines():
            key, value = json.loads(line)['key'], json.loads(line)['value']
            if key == 'header':
                message = value['summary']
            elif key == 'file':
                tree[value['path']] = Blob(base64.b64decode(value['content']), False)
            elif key == 'lfsFile':
                tree[value['path']] = Blob(self.server_of_hub.objects[value['oid']], True)
            elif value['path'] not in tree:
                self._answer(404, {'error': "A file with this name doesn't exist"})
                return
            else:
                del tree[value['path']]
        oid = repository.commit(tree, message)
        url = f'{self.server_of_hub.url}/datasets/{name}/commit/{oid}'
        self._answer(200, {'commitUrl': url, 'commitOid': oid})

    def _create_tag(self, body: bytes, name: str, revision: str) -> None:
        if found := self._revision(name, revision):
            tag = json.loads(body)['tag']
            if tag in found[0].tags:
                self._answer(409, {'error': 'Tag reference exists already'})
                return
            found[0].tags[tag] = found[1]
            self._answer(200, {})

    def _delete_tag(self, body: bytes, name: str, tag: str) -> None:
        del self.server_of_hub.repositories[name].tags[tag]
        self._answer(200, {})

    def _resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        if found := self._revision(name, revision):
            blob = found[2].get(path)
            if blob is None:
                self._answer(404, {'error': 'Entry not found'}, X_Error_Code='EntryNotFound')
                return
            etag = f'"{hashlib.sha256(blob.content).hexdigest()}"'
            self._answer(200, blob.content, ETag=etag, X_Repo_Commit=found[1])


_REPO = r'/datasets/([^/]+/[^/]+)'
_ROUTES = [
    ('POST /api/repos/create', _Handler._create),
    ('POST /api/validate-yaml', _Handler._validate_yaml),
    (f'GET /api{_REPO}', _Handler._info),
    (f'GET /api{_REPO}/revision/(.+)', _Handler._info),
    (f'GET /api{_REPO}/tree/([^/]+)(?:/(.+))?', _Handler._tree),
    (f'GET /api{_REPO}/refs', _Handler._refs),
    (f'POST /api{_REPO}/preupload/(.+)', _Handler._preupload),
    (rf'POST {_REPO}\.git/info/lfs/objects/batch', _Handler._batch),
    ('PUT /lfs/([0-9a-f]+)', _Handler._put),
    ('PUT /lfs/([0-9a-f]+)/([0-9]+)', _Handler._put_part),
    ('POST /lfs/([0-9a-f]+)', _Handler._complete),
    ('POST /verify', _Handler._verify),
    (f'POST /api{_REPO}/commit/(.+)', _Handler._commit),
    (f'POST /api{_REPO}/tag/(.+)', _Handler._create_tag),
    (f'DELETE /api{_REPO}/tag/(.+)', _Handler._delete_tag),
    (f'(?:GET|HEAD) {_REPO}/resolve/([^/]+)/(.+)', _Handler._resolve),
]
