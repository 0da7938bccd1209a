// The connection to the node: frames come as binary messages, the state as text.

/** Take a frame apart: its header, and its blobs as views of the message. */
export function unpack(message) {
  const length = new DataView(message).getUint32(0, true);
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
  const view = (kind, name) => {
    const place = frame.blobs[name];
    return place ? new kind(message, place[0], place[1] / kind.BYTES_PER_ELEMENT) : null;
  };
  frame.blob = name => view(Uint8Array, name);
  if (frame.layer) return frame; // an answer: its arrays are deflated
  frame.occupancy = view(Int8Array, "occupancy");
  frame.boxes = view(Float32Array, "boxes");
  frame.points = view(Int16Array, "points");
  frame.jpeg = frame.blob;
  return frame;
}

/** Connect, and again whenever the connection is lost. */
export function connect({ onHello, onFrame, onLayer, onState, onLink }) {
  let delay = 500, live = null, asked = [];
  const open = () => {
    const address = new URL("live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      delay = 500;
      live = socket;
      if (asked.length) tell();
      onLink(true);
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        const message = unpack(data);
        return message.layer ? onLayer(message) : onFrame(message);
      }
      const message = JSON.parse(data);
      message.hello ? onHello(message) : onState(message);
    };
    socket.onclose = () => {
      live = null;
      onLink(false);
      setTimeout(open, delay);
      delay = Math.min(2 * delay, 5000);
    };
  };
  const tell = () => live?.send(JSON.stringify({ layers: asked }));
  open();
  /** Ask for layers in the place of those before. */
  return names => {
    if (names.join() === asked.join()) return;
    asked = names;
    tell();
  };
}
