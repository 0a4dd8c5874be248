// Reads a splat with segments from a .glb that `splatseg export RUN -o all.glb` wrote, and picks segments by a ray.
//
//     const splat = readSplat(await (await fetch("all.glb")).arrayBuffer());
//     const id = pick(splat, origin, direction);      // 0 = nothing
//     splat.segments.get(id)                          // { id, name, color: [r, g, b], count, parent }
//
// N Gaussians: means (3N), rotations xyzw (4N), scales (3N) linear, opacities (N) 0..1, colors (3N) sRGB 0..1, ids (N).
// KHR_gaussian_splatting, EXT_mesh_features and EXT_structural_metadata say where they lie. glTF: y up.

const KHR = "KHR_gaussian_splatting";
const Y0 = 0.28209479177387814; // the constant spherical harmonic

/** Read a .glb (ArrayBuffer) of splatseg. Throws an Error that says what is missing. */
export function readSplat(buffer) {
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== 0x46546c67) throw new Error("this is no .glb");
  const length = view.getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
  const body = 20 + length + 8;
  const primitive = json.meshes[0].primitives[0];
  if (!primitive.extensions?.[KHR]) throw new Error(`this .glb has no ${KHR}: write it with splatseg export`);

  const bytes = (number) => {
    const { byteOffset, byteLength } = json.bufferViews[number];
    return buffer.slice(body + byteOffset, body + byteOffset + byteLength);
  };
  const attribute = (name) => new Float32Array(bytes(json.accessors[primitive.attributes[name]].bufferView));
  const harmonics = attribute(`${KHR}:SH_DEGREE_0_COEF_0`);
  return {
    means: attribute("POSITION"),
    rotations: attribute(`${KHR}:ROTATION`),
    scales: attribute(`${KHR}:SCALE`),
    opacities: attribute(`${KHR}:OPACITY`),
    colors: harmonics.map((value) => Math.min(Math.max(0.5 + Y0 * value, 0), 1)),
    ids: readIds(json, primitive, bytes),
    segments: readTable(json, bytes),
  };
}

function readIds(json, primitive, bytes) {
  const number = primitive.attributes._FEATURE_ID_0;
  if (number === undefined) throw new Error("this splat has no segments: run splatseg segment first");
  const accessor = json.accessors[number];
  if (accessor.componentType === 5126) return new Float32Array(bytes(accessor.bufferView));
  // Each id takes 4 bytes, of which the first two are the number.
  return new Uint16Array(bytes(accessor.bufferView)).filter((_, place) => place % 2 === 0);
}

function readTable(json, bytes) {
  const table = json.extensions.EXT_structural_metadata.propertyTables[0];
  const { name, color, count, parent } = table.properties;
  const [ends, texts] = [new Uint32Array(bytes(name.stringOffsets)), new Uint8Array(bytes(name.values))];
  const [colors, counts] = [new Uint8Array(bytes(color.values)), new Uint32Array(bytes(count.values))];
  const parents = new Uint32Array(bytes(parent.values));
  const segments = new Map();
  for (let id = 1; id < table.count; id++) {
    if (counts[id] === 0) continue; // no Gaussian has this id
    segments.set(id, {
      id,
      name: new TextDecoder().decode(texts.slice(ends[id], ends[id + 1])),
      color: [...colors.slice(3 * id, 3 * id + 3)],
      count: counts[id],
      parent: parents[id],
    });
  }
  return segments;
}

/** Return the id of the segment that makes up most of the light along a ray (origin, direction: [x, y, z]); 0 = none. */
export function pick(splat, origin, direction) {
  const hits = [];
  for (let i = 0; i < splat.ids.length; i++) {
    const [depth, alpha] = alphaAlong(splat, i, origin, direction);
    if (depth > 0 && alpha > 1 / 255) hits.push([depth, alpha, splat.ids[i]]);
  }
  hits.sort((one, other) => one[0] - other[0]);
  // As a pixel is blended, front to back: the same weights that make the colour say whose it is.
  const shares = new Map();
  let light = 1;
  for (const [, alpha, id] of hits) {
    shares.set(id, (shares.get(id) ?? 0) + alpha * light);
    light *= 1 - alpha;
  }
  const none = (shares.get(0) ?? 0) + light;
  let [best, most] = [0, none];
  for (const [id, share] of shares) if (share > most) [best, most] = [id, share];
  return best;
}

/** Return where along a ray Gaussian i is densest, and its alpha there. */
function alphaAlong({ means, rotations, scales, opacities }, i, origin, direction) {
  const q = rotations.subarray(4 * i, 4 * i + 4);
  const inverse = [-q[0], -q[1], -q[2], q[3]];
  const local = (vector) => turn(inverse, vector).map((v, k) => v / scales[3 * i + k]);
  const [from, along] = [local(origin.map((v, k) => v - means[3 * i + k])), local(direction)];
  const depth = -dot(from, along) / dot(along, along);
  const nearest = from.map((v, k) => v + depth * along[k]);
  return [depth, opacities[i] * Math.exp(-0.5 * dot(nearest, nearest))];
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** Rotate a vector by a quaternion xyzw. */
function turn([x, y, z, w], [a, b, c]) {
  const t = [2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)];
  return [a + w * t[0] + y * t[2] - z * t[1], b + w * t[1] + z * t[0] - x * t[2], c + w * t[2] + x * t[1] - y * t[0]];
}
