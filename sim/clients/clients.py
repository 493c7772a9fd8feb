"""Runs huggingface_hub's InferenceClient and the openai client against a simulator.

Usage: clients.py URL

Every call goes to the address that the client chooses by itself; only the
connection is led to the simulator, so that the clients' own rules about hosts
and paths are at work. Prints one line a call, exits with 1 if any failed.
"""

import base64
import importlib.metadata as metadata
import os
import struct
import sys
import zlib

URL = sys.argv[1].rstrip("/")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import huggingface_hub
from huggingface_hub import InferenceClient
from huggingface_hub.utils import _http

httpx = sys.modules.get("httpx2") or sys.modules["httpx"]


class Led(httpx.HTTPTransport):
    """Leads requests to Hugging Face's own hosts to the simulator."""

    def handle_request(self, request):
        if request.url.host.endswith("huggingface.co"):
            to = httpx.URL(URL)
            request.url = request.url.copy_with(scheme=to.scheme, host=to.host, port=to.port)
        return super().handle_request(request)


huggingface_hub.set_client_factory(lambda: httpx.Client(transport=Led(), follow_redirects=True))

failed = 0


def check(name, call, holds):
    """Makes one call and prints whether what it returned is as it should be."""
    global failed
    try:
        got = call()
        fine, why = bool(holds(got)), repr(got)[:160]
    except Exception as e:  # Whatever a client chokes on is a failure to report.
        fine, why = False, f"{type(e).__name__}: {e}"[:300]
    failed += not fine
    print(("ok    " if fine else "FAIL  ") + name + ("" if fine else ": " + why))


def fails(call, *words):
    """Returns whether a call fails with an error that says words."""
    try:
        call()
    except Exception as e:
        return all(w in f"{type(e).__name__} {e}" for w in words)
    return False


def png():
    """A picture of one pixel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0\0\0\0")) + chunk(b"IEND", b""))


def wav():
    """A tenth of a second of silence."""
    data = bytes(1600)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", len(data)) + data


def hub():
    """huggingface_hub's InferenceClient, every task that it and the simulator have."""
    hf = InferenceClient(provider="hf-inference", api_key="hf_simulated")
    who = "huggingface_hub "
    check(who + "text_classification", lambda: hf.text_classification("I love it.", model="org/text-classification"), lambda r: r[0].label == "POSITIVE")
    check(who + "zero_shot_classification", lambda: hf.zero_shot_classification("a refund", ["refund", "praise"], model="org/zero-shot-classification"), lambda r: {x.label for x in r} == {"refund", "praise"})
    check(who + "summarization", lambda: hf.summarization("A long text.", model="org/summarization"), lambda r: r.summary_text)
    check(who + "translation", lambda: hf.translation("Good morning", model="org/translation"), lambda r: r.translation_text)
    check(who + "feature_extraction", lambda: hf.feature_extraction("x", model="org/feature-extraction"), lambda r: r.shape[-1] == 384)
    check(who + "sentence_similarity", lambda: hf.sentence_similarity("a", other_sentences=["a", "b"], model="org/sentence-similarity"), lambda r: len(r) == 2 and r[0] > 0.99)
    check(who + "text_generation", lambda: hf.text_generation("x", max_new_tokens=5, model="org/text-generation"), lambda r: r)
    check(who + "text_generation, streamed", lambda: list(hf.text_generation("x", max_new_tokens=5, stream=True, model="org/text-generation")), lambda r: len(r) >= 5)
    check(who + "question_answering", lambda: hf.question_answering(question="Where?", context="It is in Berlin.", model="org/question-answering"), lambda r: r.answer == "Berlin")
    check(who + "table_question_answering", lambda: hf.table_question_answering({"A": ["1", "2"]}, "how many?", model="org/table-question-answering"), lambda r: r.cells)
    check(who + "fill_mask", lambda: hf.fill_mask("The [MASK] is red.", model="org/fill-mask"), lambda r: r[0].token_str)
    check(who + "token_classification", lambda: hf.token_classification("I live in Berlin.", model="org/token-classification"), lambda r: r[0].word == "Berlin")
    check(who + "automatic_speech_recognition", lambda: hf.automatic_speech_recognition(wav(), model="org/automatic-speech-recognition"), lambda r: r.text)
    check(who + "audio_classification", lambda: hf.audio_classification(wav(), model="org/audio-classification"), lambda r: r[0].label)
    check(who + "image_classification", lambda: hf.image_classification(png(), model="org/image-classification"), lambda r: r[0].label)
    check(who + "zero_shot_image_classification", lambda: hf.zero_shot_image_classification(png(), ["cat", "dog"], model="org/zero-shot-image-classification"), lambda r: {x.label for x in r} == {"cat", "dog"})
    check(who + "object_detection", lambda: hf.object_detection(png(), model="org/object-detection"), lambda r: r[0].box.xmin < r[0].box.xmax)
    check(who + "image_to_text", lambda: hf.image_to_text(png(), model="org/image-to-text"), lambda r: r.generated_text)
    check(who + "text_to_image", lambda: hf.text_to_image("a boat", model="org/text-to-image"), lambda r: r.size == (64, 48))
    check(who + "text_to_speech", lambda: hf.text_to_speech("hello", model="org/text-to-speech"), lambda r: r[:4] in (b"RIFF", b"fLaC"))
    say = [{"role": "user", "content": "hello"}]
    check(who + "chat_completion at hf-inference", lambda: hf.chat_completion(say, model="org/chat-hf"), lambda r: r.choices[0].message.content)
    auto = InferenceClient(api_key="hf_simulated")
    check(who + "chat_completion by the router", lambda: auto.chat_completion(say, model="org/chat"), lambda r: r.choices[0].message.content and r.usage.total_tokens > 0)
    check(who + "chat_completion by the router, streamed", lambda: list(auto.chat_completion(say, model="org/chat:together", stream=True)), lambda r: "".join(c.choices[0].delta.content or "" for c in r if c.choices))
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
    check(who + "chat_completion with a tool", lambda: auto.chat_completion(say, model="org/chat", tools=tools), lambda r: r.choices[0].message.tool_calls[0].function.name == "weather")
    together = InferenceClient(provider="together", api_key="hf_simulated")
    check(who + "chat_completion at a provider", lambda: together.chat_completion(say, model="org/chat"), lambda r: r.model == "chat-8b")
    check(who + "feature_extraction at a provider", lambda: together.feature_extraction("x", model="org/embeddings"), lambda r: r.shape[-1] == 384)
    check(who + "text_to_image at a provider", lambda: together.text_to_image("a boat", model="org/pictures"), lambda r: r.size == (64, 48))
    for polled in ("fal-ai", "replicate", "wavespeed", "zai-org"):
        client = InferenceClient(provider=polled, api_key="hf_simulated")
        check(who + "text_to_image at " + polled + ", polled", lambda c=client: c.text_to_image("a boat", model="org/queued"), lambda r: r.size == (64, 48))
    # A client that is dropped closes the streams that it has opened.
    own = {path: InferenceClient(model=URL + path, api_key="hf_simulated") for path in ("/e/tgi", "/e/tgi/", "/e/tei/embed", "/e/kit")}
    vllm = InferenceClient(base_url=URL + "/e/vllm/v1", api_key="hf_simulated")
    check(who + "chat_completion at TGI", lambda: own["/e/tgi"].chat_completion(say), lambda r: r.choices[0].message.content)
    check(who + "text_generation at TGI, streamed with details", lambda: list(own["/e/tgi/"].text_generation("x", max_new_tokens=4, stream=True, details=True)), lambda r: r[-1].details.finish_reason)
    check(who + "chat_completion at vLLM, streamed", lambda: list(vllm.chat_completion(say, model="org/vllm", stream=True, stream_options={"include_usage": True})), lambda r: r[-1].usage.completion_tokens > 0)
    check(who + "feature_extraction at TEI", lambda: own["/e/tei/embed"].feature_extraction("x"), lambda r: r.shape == (1, 384))
    check(who + "text_classification at the toolkit", lambda: own["/e/kit"].text_classification("I love it."), lambda r: r.label)  # Of the toolkit's flat list this client returns the first.
    check(who + "402", lambda: fails(lambda: auto.chat_completion(say, model="org/broke"), "402"), bool)
    check(who + "an error within a stream", lambda: fails(lambda: list(auto.chat_completion(say, model="org/broken-stream", stream=True))), bool)
    check(who + "a model that nobody has", lambda: fails(lambda: auto.chat_completion(say, model="org/none"), "model_not_supported"), bool)
    api = huggingface_hub.HfApi(token="hf_simulated")
    check(who + "whoami", lambda: api.whoami(), lambda r: r["name"] == "sim")
    check(who + "model_info", lambda: api.model_info("org/chat", expand=["inference", "inferenceProviderMapping"]), lambda r: r.inference == "warm" and r.inference_provider_mapping[0].provider == "together")
    check(who + "list_models", lambda: list(api.list_models(inference_provider="together")), lambda r: {m.id for m in r} == {"org/chat", "org/embeddings", "org/pictures"})


def openai():
    """The openai client, on the router and on engines."""
    from openai import OpenAI

    who, say = "openai ", [{"role": "user", "content": "hello"}]
    at = lambda path: OpenAI(base_url=URL + path, api_key="hf_simulated", max_retries=0)
    router, vllm, tgi, tei = at("/v1"), at("/e/vllm/v1"), at("/e/tgi/v1"), at("/e/tei/v1")
    check(who + "models", lambda: router.models.list(), lambda r: "org/chat" in {m.id for m in r.data})
    check(who + "chat", lambda: router.chat.completions.create(model="org/chat:together", messages=say), lambda r: r.choices[0].message.content and r.usage.total_tokens > 0)
    check(who + "chat, streamed", lambda: list(router.chat.completions.create(model="org/chat", messages=say, stream=True)), lambda r: "".join(c.choices[0].delta.content or "" for c in r if c.choices))
    check(who + "chat with an image", lambda: router.chat.completions.create(model="org/chat", messages=[{"role": "user", "content": [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(png()).decode()}}]}]), lambda r: r.choices[0].message.content)
    check(who + "reasoning", lambda: router.chat.completions.create(model="org/thinker", messages=say), lambda r: r.choices[0].message.reasoning_content)
    check(who + "responses", lambda: router.responses.create(model="org/chat", input="hello"), lambda r: r.output_text and r.usage.output_tokens > 0)
    check(who + "responses, streamed", lambda: list(router.responses.create(model="org/chat", input="hello", stream=True)), lambda r: r[-1].type == "response.completed" and r[-1].response.output_text)
    check(who + "chat at TGI", lambda: tgi.chat.completions.create(model="tgi", messages=say), lambda r: r.choices[0].message.content)
    check(who + "completions at TGI", lambda: tgi.completions.create(model="tgi", prompt="x", max_tokens=4), lambda r: r.choices[0].text)
    check(who + "chat at vLLM, streamed with usage", lambda: list(vllm.chat.completions.create(model="org/vllm", messages=say, stream=True, stream_options={"include_usage": True})), lambda r: r[-1].usage.completion_tokens > 0)
    check(who + "completions at vLLM", lambda: vllm.completions.create(model="org/vllm", prompt="x", max_tokens=4), lambda r: r.choices[0].text)
    check(who + "embeddings at TEI", lambda: tei.embeddings.create(model="org/tei", input=["a", "b"]), lambda r: len(r.data) == 2 and len(r.data[0].embedding) == 384)
    check(who + "embeddings at TEI, as floats", lambda: tei.embeddings.create(model="org/tei", input="a", encoding_format="float"), lambda r: len(r.data[0].embedding) == 384)
    check(who + "a model that vLLM has not", lambda: fails(lambda: vllm.chat.completions.create(model="other", messages=say), "NotFoundError"), bool)
    check(who + "402", lambda: fails(lambda: router.chat.completions.create(model="org/broke", messages=say), "402"), bool)
    check(who + "an error within a stream", lambda: fails(lambda: list(router.chat.completions.create(model="org/broken-stream", messages=say, stream=True))), bool)


print("huggingface_hub", metadata.version("huggingface_hub"))
hub()
try:
    print("openai (Python)", metadata.version("openai"))
except metadata.PackageNotFoundError:
    print("SKIP  openai (Python) is not installed")
else:
    openai()
sys.exit(failed > 0)
