"""What the SDK keeps of an execution between the calls of its exports: handlers, closures, the loop of this call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import loop as loops
from .errors import Invalid
from .host import Host
from .loop import Loop

if TYPE_CHECKING:
    from .branch import Closure, Handler
    from .workflow import Workflow


class Session:
    """One execution in one instance."""

    def __init__(self, workflow: Workflow[Any, Any], host: Host) -> None:
        self.workflow = workflow
        self.host = host
        self.loop: Loop = loops.new(host)
        self._closures: list[Closure] = []

    def name_of(self, handler: Handler[Any]) -> str:
        """The name under which a handler is registered. Errors: `Invalid` if the workflow does not list it."""
        name = getattr(handler, "__name__", repr(handler))
        if self.workflow.handlers.get(name) is not handler:
            raise Invalid(f"no handler `{name}`: name it in @workflow(handlers=[{name}])")
        return name

    def keep(self, closure: Closure) -> str:
        """Keeps a closure and gives the name under which ``handle`` is called for it."""
        self._closures.append(closure)
        return f"#{len(self._closures) - 1}"

    def closure(self, name: str) -> Closure | None:
        """The closure that was kept under a name."""
        index = name.removeprefix("#")
        known = index.isdecimal() and int(index) < len(self._closures)
        return self._closures[int(index)] if known else None


_current: Session | None = None


def current() -> Session:
    """The session of the workflow that runs. Errors: ``RuntimeError`` outside of one."""
    if _current is None:
        raise RuntimeError("there is no transaction here: run the workflow in a component or in `testing.TestHost`")
    return _current


def enter(session: Session | None) -> None:
    """Makes a session the current one."""
    global _current
    _current = session


def kept_for(workflow: Workflow[Any, Any]) -> Session | None:
    """The session that ``run`` left behind in this instance, if it did."""
    return _current if _current is not None and _current.workflow is workflow else None
