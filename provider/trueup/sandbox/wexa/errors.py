"""Errors of Wexa. They are not documented: one message, and switches for its key and status."""

from __future__ import annotations

from starlette.responses import JSONResponse

from trueup.sandbox.wexa.switches import WexaSwitches


class WexaError(Exception):
    """A request that is answered with an error; `fails200` is one that Wexa reports with status 200."""

    def __init__(
        self, status: int, message: str, *, headers: dict[str, str] | None = None, fails200: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.fails200 = fails200

    def answer(self, switches: WexaSwitches) -> JSONResponse:
        """The response, in the words of the switches."""
        if self.fails200:
            return JSONResponse({"status": "error", "message": self.message})
        status = switches["errorStatus"] or self.status
        body = {switches["errorKey"]: self.message}
        return JSONResponse({"status": "error", **body} if status < 300 else body, status, self.headers)
