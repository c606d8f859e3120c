"""Repositories with their branches, commits, files and roles, and which installation sees which."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict, Unpack

from bot.demo.github.identities import DEFAULT_PERMISSIONS, Identities
from bot.demo.github.records import AppRecord, CommitRecord, InstallationRecord, RepositoryRecord


class RepositoryFields(TypedDict, total=False):
    """What `add_repository` may be told besides the name."""

    private: bool
    default_branch: str
    has_issues: bool
    archived: bool
    fork_of: int | None


def sha_of(*parts: object) -> str:
    """Forty hex digits that depend on the parts alone, so that a story tells the same commits again."""
    return hashlib.sha1("\0".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


class Repositories(Identities):
    """The part of the state that holds repositories."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.repositories: dict[int, RepositoryRecord] = {}
        self.renamed: dict[str, int] = {}

    def add_repository(
        self, full_name: str, *, owner_type: str | None = None, **fields: Unpack[RepositoryFields]
    ) -> RepositoryRecord:
        """Create `owner/name` with one commit on its default branch; the owner is its admin."""
        owner, _, name = full_name.partition("/")
        user = self.user(owner, owner_type)
        repository = RepositoryRecord(self.next_id(), user, name, self.now(), **fields)
        self.repositories[repository.id] = repository
        repository.roles[owner.lower()] = "admin"
        self.add_commit(full_name, message="First commit", branch=repository.default_branch)
        return repository

    def repository(self, full_name: str) -> RepositoryRecord:
        """The repository of that name; KeyError where there is none."""
        for repository in self.repositories.values():
            if repository.full_name.lower() == full_name.lower():
                return repository
        raise KeyError(f"the stand-in has no repository {full_name!r}; add_repository() makes one")

    def rename_repository(self, full_name: str, new_name: str) -> None:
        """Rename within the owner; the old name answers 301 from then on."""
        repository = self.repository(full_name)
        self.renamed[full_name.lower()] = repository.id
        repository.name = new_name

    def add_commit(
        self,
        full_name: str,
        *,
        message: str = "Change",
        branch: str = "",
        author: str = "octocat",
        files: Iterable[str] = (),
        sha: str = "",
    ) -> CommitRecord:
        """Commit on top of a branch; the default one unless named, and a new one starts at its head."""
        repository = self.repository(full_name)
        branch = branch or repository.default_branch
        head = repository.branches.get(branch) or repository.branches.get(repository.default_branch)
        sha = sha or sha_of(full_name, branch, message, head, len(repository.commits))
        parents = (head,) if head else ()
        commit = CommitRecord(sha, message, self.user(author), parents, self.now(), tuple(files))
        repository.commits[sha] = commit
        repository.branches[branch] = sha
        return commit

    def put_file(self, full_name: str, path: str, content: str | bytes, *, ref: str = "") -> None:
        """Let a file be there on a branch or commit (the default branch unless named)."""
        repository = self.repository(full_name)
        data = content.encode() if isinstance(content, str) else content
        repository.files[(ref or repository.default_branch, path)] = data

    def set_permission(self, full_name: str, login: str, role: str) -> None:
        """Give a user the role `admin`, `maintain`, `write`, `triage`, `read` or `none`."""
        self.user(login)
        self.repository(full_name).roles[login.lower()] = role

    def role(self, repository: RepositoryRecord, login: str) -> str:
        """The role of a user: what was set, else `read` if the repository is public, else `none`."""
        return repository.roles.get(login.lower(), "none" if repository.private else "read")

    def install(
        self,
        account: str,
        repositories: Iterable[str] | None = None,
        *,
        app: AppRecord | None = None,
        permissions: Mapping[str, str] | None = None,
        account_type: str | None = None,
    ) -> int:
        """Install an App (the first one made, unless named) and return the installation's id.

        `repositories` None means all of the account; `permissions` None means what the App asks for.
        """
        app = app or next(found for found in self.apps.values() if found.private_key_pem)
        granted = dict(app.permissions or DEFAULT_PERMISSIONS) if permissions is None else dict(permissions)
        chosen = None if repositories is None else {self.repository(name).id for name in repositories}
        user = self.user(account, account_type)
        record = InstallationRecord(self.next_id(), app.id, user, granted, app.events, chosen, self.now())
        self.installations[record.id] = record
        return record.id

    def repositories_of(self, installation: InstallationRecord) -> list[RepositoryRecord]:
        """The repositories an installation covers, oldest first."""
        return [found for found in self.repositories.values() if self.covers(installation, found)]

    def covers(self, installation: InstallationRecord, repository: RepositoryRecord) -> bool:
        """Whether the installation may see the repository."""
        if installation.repository_ids is None:
            return repository.owner.login == installation.account.login
        return repository.id in installation.repository_ids

    def installation_for(self, repository: RepositoryRecord, app_id: int) -> InstallationRecord | None:
        """The installation of that App which covers the repository, if any."""
        for installation in self.installations.values():
            if installation.app_id == app_id and self.covers(installation, repository):
                return installation
        return None
