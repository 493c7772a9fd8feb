// Runs @huggingface/inference and the openai client against a simulator.
//
// Usage: clients.mjs URL
//
// Every call goes to the address that the client chooses by itself; only fetch is
// led to the simulator. Prints one line a call, exits with 1 if any
// failed.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const url = process.argv[2].replace(/\/$/, "");
// Packages are looked for where the script is run, not where it lies.
const require = createRequire(pathToFileURL(process.cwd() + "/"));
let failed = 0;

// load imports a package, or returns nothing where it is absent.
async function load(name, dir) {
  let entry;
  try {
    entry = require.resolve(name);
  } catch {
    console.log(`SKIP  ${name} (Node) is not installed`);
    return undefined;
  }
  const root = entry.slice(0, entry.lastIndexOf(dir) + dir.length);
  console.log(name, "(Node)", JSON.parse(readFileSync(root + "/package.json")).version);
  return import(pathToFileURL(entry));
}

// check makes one call and prints whether what it returned is as it should be.
async function check(name, call, holds) {
  let fine = false, why = "";
  try {
    const got = await call();
    fine = Boolean(await holds(got));
    why = (JSON.stringify(got) ?? String(got)).slice(0, 160);
  } catch (e) {
    why = `${e.name}: ${e.message}`.slice(0, 300);
  }
  failed += fine ? 0 : 1;
  console.log((fine ? "ok    " : "FAIL  ") + name + (fine ? "" : ": " + why));
}

// fails tells whether a call fails with an error that says words.
async function fails(call, words = "") {
  try {
    await call();
  } catch (e) {
    return `${e.name} ${e.message} ${e.status ?? ""} ${e.httpResponse?.status ?? ""}`.includes(words);
  }
  return false;
}

async function all(stream) {
  const got = [];
  for await (const part of stream) got.push(part);
  return got;
}

const png = new Blob([Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64")], { type: "image/png" });
const wav = new Blob([Buffer.concat([Buffer.from("RIFF"), Buffer.from([36, 0, 0, 0]), Buffer.from("WAVEfmt "), Buffer.from([16, 0, 0, 0, 1, 0, 1, 0, 64, 31, 0, 0, 128, 62, 0, 0, 2, 0, 16, 0]), Buffer.from("data"), Buffer.from([0, 0, 0, 0])])], { type: "audio/wav" });

async function hub({ InferenceClient }) {
  const who = "@huggingface/inference ", provider = "hf-inference", options = { retry_on_error: false };
  const hf = new InferenceClient("hf_simulated", options);
  const model = (task) => ({ provider, model: "org/" + task });
  const say = [{ role: "user", content: "hello" }];
  await check(who + "textClassification", () => hf.textClassification({ ...model("text-classification"), inputs: "I love it." }), (r) => r[0].label === "POSITIVE");
  await check(who + "zeroShotClassification", () => hf.zeroShotClassification({ ...model("zero-shot-classification"), inputs: "a refund", parameters: { candidate_labels: ["refund", "praise"] } }), (r) => r.length === 2);
  await check(who + "summarization", () => hf.summarization({ ...model("summarization"), inputs: "A long text." }), (r) => r.summary_text);
  await check(who + "translation", () => hf.translation({ ...model("translation"), inputs: "Good morning" }), (r) => r.translation_text);
  await check(who + "featureExtraction", () => hf.featureExtraction({ ...model("feature-extraction"), inputs: "x" }), (r) => r.length === 384);
  await check(who + "sentenceSimilarity", () => hf.sentenceSimilarity({ ...model("sentence-similarity"), inputs: { source_sentence: "a", sentences: ["a", "b"] } }), (r) => r.length === 2);
  await check(who + "textGeneration", () => hf.textGeneration({ ...model("text-generation"), inputs: "x", parameters: { max_new_tokens: 5 } }), (r) => r.generated_text);
  await check(who + "questionAnswering", () => hf.questionAnswering({ ...model("question-answering"), inputs: { question: "Where?", context: "It is in Berlin." } }), (r) => r.answer === "Berlin");
  await check(who + "tableQuestionAnswering", () => hf.tableQuestionAnswering({ ...model("table-question-answering"), inputs: { query: "how many?", table: { A: ["1", "2"] } } }), (r) => r.cells);
  await check(who + "fillMask", () => hf.fillMask({ ...model("fill-mask"), inputs: "The [MASK] is red." }), (r) => r[0].token_str);
  await check(who + "tokenClassification", () => hf.tokenClassification({ ...model("token-classification"), inputs: "I live in Berlin." }), (r) => r[0].word === "Berlin");
  await check(who + "automaticSpeechRecognition", () => hf.automaticSpeechRecognition({ ...model("automatic-speech-recognition"), data: wav }), (r) => r.text);
  await check(who + "audioClassification", () => hf.audioClassification({ ...model("audio-classification"), data: wav }), (r) => r[0].label);
  await check(who + "imageClassification", () => hf.imageClassification({ ...model("image-classification"), data: png }), (r) => r[0].label);
  await check(who + "zeroShotImageClassification", () => hf.zeroShotImageClassification({ ...model("zero-shot-image-classification"), inputs: { image: png }, parameters: { candidate_labels: ["cat", "dog"] } }), (r) => r.length === 2);
  await check(who + "objectDetection", () => hf.objectDetection({ ...model("object-detection"), data: png }), (r) => r[0].box.xmin < r[0].box.xmax);
  // The client asks for an object, and hf-inference sends a list: it fails so at the real one too.
  await check(who + "imageToText is refused by the client itself", () => fails(() => hf.imageToText({ ...model("image-to-text"), data: png }), "image-to-text"), (r) => r);
  await check(who + "textToImage", () => hf.textToImage({ ...model("text-to-image"), inputs: "a boat" }, { outputType: "blob" }), (r) => r.size > 100);
  await check(who + "textToSpeech", () => hf.textToSpeech({ ...model("text-to-speech"), inputs: "hello" }), (r) => r.size > 100);
  await check(who + "chatCompletion at hf-inference", () => hf.chatCompletion({ ...model("chat-hf"), messages: say }), (r) => r.choices[0].message.content);
  await check(who + "chatCompletion by the router", () => hf.chatCompletion({ model: "org/chat", messages: say }), (r) => r.choices[0].message.content);
  await check(who + "chatCompletionStream", () => all(hf.chatCompletionStream({ model: "org/chat:together", messages: say })), (r) => r.length > 3);
  await check(who + "chatCompletion at a provider", () => hf.chatCompletion({ provider: "together", model: "org/chat", messages: say }), (r) => r.model === "chat-8b");
  await check(who + "textToImage at a provider", () => hf.textToImage({ provider: "together", model: "org/pictures", inputs: "a boat" }, { outputType: "blob" }), (r) => r.size > 100);
  await check(who + "featureExtraction at a provider", () => hf.featureExtraction({ provider: "together", model: "org/embeddings", inputs: "x" }), (r) => r.flat().length === 384);
  await check(who + "chatCompletion at TGI", () => hf.chatCompletion({ endpointUrl: url + "/e/tgi", model: "tgi", messages: say }), (r) => r.choices[0].message.content);
  await check(who + "402", () => fails(() => hf.chatCompletion({ model: "org/broke", messages: say }), "402"), (r) => r);
  await check(who + "an error within a stream", () => fails(() => all(hf.chatCompletionStream({ model: "org/broken-stream", messages: say }))), (r) => r);
}

async function openai({ OpenAI }) {
  const who = "openai (Node) ", say = [{ role: "user", content: "hello" }];
  const at = (path) => new OpenAI({ baseURL: url + path, apiKey: "hf_simulated", maxRetries: 0 });
  const router = at("/v1"), tei = at("/e/tei/v1");
  await check(who + "models", () => all(router.models.list()), (r) => r.some((m) => m.id === "org/chat"));
  await check(who + "chat", () => router.chat.completions.create({ model: "org/chat", messages: say }), (r) => r.choices[0].message.content);
  await check(who + "chat, streamed", async () => all(await router.chat.completions.create({ model: "org/chat", messages: say, stream: true })), (r) => r.length > 3);
  await check(who + "responses", () => router.responses.create({ model: "org/chat", input: "hello" }), (r) => r.output_text);
  await check(who + "responses, streamed", async () => all(await router.responses.create({ model: "org/chat", input: "hello", stream: true })), (r) => r.at(-1).type === "response.completed");
  await check(who + "embeddings", () => tei.embeddings.create({ model: "org/tei", input: ["a", "b"] }), (r) => r.data.length === 2 && r.data[0].embedding.length === 384);
  await check(who + "402", () => fails(() => router.chat.completions.create({ model: "org/broke", messages: say }), "402"), (r) => r);
}

const inference = await load("@huggingface/inference", "@huggingface/inference");
if (inference) {
  const real = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const to = new URL(typeof input === "string" ? input : input.url ?? input.href);
    return to.hostname.endsWith("huggingface.co") ? real(url + to.pathname + to.search, init) : real(input, init);
  };
  await hub(inference);
  globalThis.fetch = real;
}
const client = await load("openai", "openai");
if (client) await openai(client);
process.exit(failed > 0 ? 1 : 0);
