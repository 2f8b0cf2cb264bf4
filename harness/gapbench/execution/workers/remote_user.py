"""A model that plays users across processes: workers ask the parent process, which has its client, admission and rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from gapbench.agents import AbsentUserError, DeadUserError, UserReply
from gapbench.execution.attempts.episode_sender import AskUserOf
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import SendMessage
from gapbench.suite.plan import PlannedRequest
from gapbench.values import Message


class UserProxy:
    """The worker's end.

    Args:
        send: Sends a message to the parent.
        numbers: By sample and repeat, the number of a request in the cell.
    """

    def __init__(self, send: SendMessage, numbers: Mapping[tuple[str, int], int]) -> None:
        self._send = send
        self._numbers = numbers
        self._last_number = 0
        self._pending: dict[int, asyncio.Future[protocol.UserAnswer]] = {}

    async def ask(self, planned: PlannedRequest, messages: tuple[Message, ...]) -> UserReply:
        """Return the user's reply.

        Raises:
            DeadUserError: The model failed for good.
            AbsentUserError: It is not asked any more.
        """
        self._last_number += 1
        number = self._last_number
        future: asyncio.Future[protocol.UserAnswer] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        request = self._numbers[planned.sample.sample_id, planned.repeat]
        self._send(protocol.UserQuestion(number, request, messages))
        answer = await future
        if answer.reply is not None:
            return answer.reply
        if answer.problem is not None:
            raise DeadUserError(answer.problem)
        raise AbsentUserError("the model that plays the user is not asked any more")

    def receive_answer(self, answer: protocol.UserAnswer) -> None:
        """Give an answer to the coroutine that asked."""
        future = self._pending.pop(answer.number)
        if not future.done():  # the coroutine may have been cancelled
            future.set_result(answer)


class UserServer:
    """The parent's end.

    Args:
        ask: Asks the model. None: all users are scripted, and no worker asks.
        requests: The cell's requests.
    """

    def __init__(self, ask: AskUserOf | None, requests: Sequence[PlannedRequest]) -> None:
        self._ask = ask
        self._requests = requests
        self._tasks: set[asyncio.Task[None]] = set()

    def handle_question(self, question: protocol.UserQuestion, send: SendMessage) -> None:
        """Ask the model, and send its answer when it comes.

        Args:
            question: The worker's question.
            send: Sends a message to the worker.
        """
        task = asyncio.create_task(self._answer(question, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Ask no more, and answer that the user is absent."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, question: protocol.UserQuestion, send: SendMessage) -> None:
        answer = protocol.UserAnswer(question.number, None)
        try:
            if self._ask is not None:
                reply = await self._ask(self._requests[question.request], question.messages)
                answer = protocol.UserAnswer(question.number, reply)
        except DeadUserError as exc:
            answer = protocol.UserAnswer(question.number, None, str(exc))
        except AbsentUserError:
            pass
        finally:
            send(answer)
