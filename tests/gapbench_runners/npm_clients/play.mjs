// Plays an episode against `bench sim` with a vendor's own client for JavaScript, streamed.
// Input, JSON on stdin: {url, vendor, task, tools, results}. Output: {made: calls of each reply, text: the last text}.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const given = JSON.parse(await new Response(process.stdin).text());
const { url, task, tools, results } = given;

async function chat() {
  const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, maxRetries: 0 });
  const messages = [{ role: "user", content: task }];
  const made = [];
  for (;;) {
    const stream = client.chat.completions.stream({
      model: "m",
      messages,
      tools: tools.map((tool) => ({ type: "function", function: tool })),
    });
    const message = (await stream.finalChatCompletion()).choices[0].message;
    const calls = message.tool_calls ?? [];
    made.push(calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]));
    if (!calls.length) return { made, text: message.content };
    messages.push(message);
    for (const call of calls)
      messages.push({ role: "tool", tool_call_id: call.id, content: results[call.function.name] });
  }
}

async function responses() {
  const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, maxRetries: 0 });
  const input = [{ role: "user", content: task }];
  const made = [];
  for (;;) {
    const stream = client.responses.stream({
      model: "m",
      input,
      store: false,
      tools: tools.map((tool) => ({ type: "function", strict: false, ...tool })),
    });
    const reply = await stream.finalResponse();
    const calls = reply.output.filter((item) => item.type === "function_call");
    made.push(calls.map((call) => [call.name, JSON.parse(call.arguments)]));
    if (!calls.length) return { made, text: reply.output_text };
    input.push(...reply.output);
    for (const call of calls)
      input.push({ type: "function_call_output", call_id: call.call_id, output: results[call.name] });
  }
}

async function messages() {
  const client = new Anthropic({ apiKey: "k", baseURL: url, maxRetries: 0 });
  const turns = [{ role: "user", content: task }];
  const made = [];
  for (;;) {
    const stream = client.messages.stream({
      model: "m",
      max_tokens: 500,
      messages: turns,
      tools: tools.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })),
    });
    const reply = await stream.finalMessage();
    const calls = reply.content.filter((block) => block.type === "tool_use");
    made.push(calls.map((call) => [call.name, call.input]));
    if (!calls.length) return { made, text: reply.content.at(-1).text };
    turns.push({ role: "assistant", content: reply.content });
    turns.push({
      role: "user",
      content: calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: results[call.name] })),
    });
  }
}

async function google() {
  const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url } });
  const conversation = client.chats.create({
    model: "m",
    config: {
      tools: [
        {
          functionDeclarations: tools.map(({ name, description, parameters }) => ({
            name,
            description,
            parametersJsonSchema: parameters,
          })),
        },
      ],
    },
  });
  let message = task;
  const made = [];
  for (;;) {
    const calls = [];
    let text = "";
    for await (const chunk of await conversation.sendMessageStream({ message })) {
      calls.push(...(chunk.functionCalls ?? []));
      for (const part of chunk.candidates?.[0]?.content?.parts ?? []) if (!part.thought) text += part.text ?? "";
    }
    made.push(calls.map((call) => [call.name, call.args]));
    if (!calls.length) return { made, text };
    message = calls.map(({ id, name }) => ({ functionResponse: { id, name, response: { output: results[name] } } }));
  }
}

console.log(JSON.stringify(await { chat, responses, messages, google }[given.vendor]()));
