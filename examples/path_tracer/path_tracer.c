// build: -std=c11 -O3 -msimd128 -ffp-contract=off -fno-math-errno -Wall -Wextra
// A small path tracer that turns a text scene into a PNG: the sample job of the market. It knows nothing of the market,
// of clocks or of chance: equal arguments give equal bytes on any engine. README.md describes the scenes.
//
//   scene text -> shapes -> tree of bounds -> paths through each pixel -> bloom, tone -> PNG

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 4096, SAMPLES_MAX = 65536, EXIT_WRONG = 1, EXIT_FILE = 2 };
enum { OBJECTS_MAX = 4096, MATERIALS_MAX = 64, GROUPS_MAX = 32, LAMPS_MAX = 64 };
enum { LINE_CAP = 512, WORDS_MAX = 40, NAME_CAP = 24, VALUES_MAX = 16 };
enum { BOUNCES_MAX = 5, SMOOTH_ROLLS_MAX = 10, SHINE_MIRROR = 12, LEAF_MAX = 2, DEPTH_MAX = 64 };
#define FAR 1e9f
#define SKIN 1e-3f     // a ray starts this far from the surface it leaves
#define FLASH_MAX 4.0f // no sample is brighter, and after a dull bounce no light adds more than an eighth of it

// ---- numbers ----
typedef float vec __attribute__((ext_vector_type(4)));
typedef int32_t bits __attribute__((ext_vector_type(4)));
typedef struct { float x, y; } Pair;
typedef struct { vec x, y, z, o; } Frame; // an affine map: where the axes and the origin go

static vec v3(float x, float y, float z) { return (vec){x, y, z, 0}; }
static float root(float x) { return __builtin_sqrtf(x > 0 ? x : 0); }
static float least(float a, float b) { return a < b ? a : b; }
static float most(float a, float b) { return a > b ? a : b; }
static vec choose(bits m, vec a, vec b) { return (vec)((m & (bits)a) | (~m & (bits)b)); }
static vec low(vec a, vec b) { return choose(b < a, b, a); }
static vec high(vec a, vec b) { return choose(a < b, b, a); }
static float peak(vec a) { return high(high(a, a.yzxw), a.zxyw).x; }
static float trough(vec a) { return low(low(a, a.yzxw), a.zxyw).x; }
static vec size_of(vec a) { return high(a, -a); }
static float dot(vec a, vec b) { vec m = a * b; return m.x + m.y + m.z; }
static float length(vec a) { return root(dot(a, a)); }
static vec unit(vec a) { return a * (1 / length(a)); }
static vec blend(vec a, vec b, float t) { return a + (b - a) * t; }
static vec dim(vec a, float limit) { return a * (limit / most(limit, peak(a))); }
static vec reflect(vec d, vec n) { return d - n * (2 * dot(d, n)); }
static vec cross(vec a, vec b) { return a.yzxw * b.zxyw - a.zxyw * b.yzxw; }
static vec carry(const Frame *f, vec d) { return f->x * d.xxxx + f->y * d.yyyy + f->z * d.zzzz; }
static vec carry_back(const Frame *f, vec d) { return v3(dot(f->x, d), dot(f->y, d), dot(f->z, d)); }
static vec move(const Frame *f, vec p) { return carry(f, p) + f->o; }
static Frame join(Frame f, Frame g) { return (Frame){carry(&f, g.x), carry(&f, g.y), carry(&f, g.z), move(&f, g.o)}; }
static Frame scaled(Frame f, vec s) { return (Frame){f.x * s.xxxx, f.y * s.yyyy, f.z * s.zzzz, f.o}; }

// The map that undoes `f`.
static Frame inverse(const Frame *f) {
    float scale = 1 / dot(f->x, cross(f->y, f->z));
    vec a = cross(f->y, f->z) * scale, b = cross(f->z, f->x) * scale, c = cross(f->x, f->y) * scale;
    Frame g = {v3(a.x, b.x, c.x), v3(a.y, b.y, c.y), v3(a.z, b.z, c.z), 0};
    g.o = -carry(&g, f->o);
    return g;
}

// Cosine and sine of `turns` full turns: an eighth of a turn by polynomial, the rest by symmetry.
static Pair spin(float turns) {
    float quarters = (turns - __builtin_floorf(turns)) * 4;
    int quarter = (int)(quarters + 0.5f);
    float a = (quarters - (float)quarter) * 1.57079633f, b = a * a;
    float c = 1 - b * (1 / 2.f - b * (1 / 24.f - b * (1 / 720.f)));
    float s = a * (1 - b * (1 / 6.f - b * (1 / 120.f - b * (1 / 5040.f))));
    Pair turned = quarter & 1 ? (Pair){-s, c} : (Pair){c, s};
    return quarter & 2 ? (Pair){-turned.x, -turned.y} : turned;
}

// The direction at an angle to `axis` whose cosine is `up`, `turns` of the way around it.
static vec around(vec axis, float up, float turns) {
    vec side = unit(cross(axis, size_of(axis).x < 0.7f ? v3(1, 0, 0) : v3(0, 1, 0)));
    float out = root(1 - up * up);
    Pair c = spin(turns);
    return axis * up + side * (out * c.x) + cross(axis, side) * (out * c.y);
}

// ---- dice ----
typedef struct { uint32_t pixel, sample, samples, mask, rolls; } Dice;

static uint32_t stir(uint32_t x) {
    x = (x ^ (x >> 16)) * 0x9e3779b1u;
    x = (x ^ (x >> 13)) * 0x85a308d3u;
    return x ^ (x >> 16);
}

static float fraction(uint32_t x) { return (float)(x >> 8) * (1 / 16777216.f); }

// Two numbers in [0, 1) that look like chance. The first rolls of a path walk, in shuffled order, a lattice that fills
// the square evenly: its steps are 1/p and 1/p^2 with p^3 = p + 1.
static Pair roll(Dice *dice) {
    uint32_t key = stir(dice->pixel + ++dice->rolls * 0x632be5abu), step = dice->sample;
    if (dice->rolls > SMOOTH_ROLLS_MAX) step = stir(key + step * 0x7f4a7c15u);
    else do {
        step = ((step ^ key) * (key >> 8 | 1)) & dice->mask;
        step = ((step ^ step >> 3) * (key >> 19 | 1)) & dice->mask;
    } while (step >= dice->samples);
    return (Pair){fraction(stir(key + 1) + step * 0xc13fa9a9u), fraction(stir(key + 2) + step * 0x91e10da5u)};
}

// ---- the scene ----

enum { BALL, BOX, TUBE, DIFFUSE, GLAZE, METAL, GLASS, LIGHT, PLACE, GROUP, END, SKY, CAMERA, IMAGE, FORMS }; // words
typedef struct { char name[NAME_CAP]; int first, end; } Group;
typedef struct { char name[NAME_CAP]; int kind, shine; vec colour, second; float index, stripe, tile; } Material;
typedef struct { Frame world, local; vec low, high, scale; int shape, material; bool lamp; } Object;
typedef struct { vec low, high; int first, count; } Node; // count 0: two nodes, at first and first + 1

static struct {
    int width, height, samples, seed, material_count, group_count, object_count, node_count, order_count, lamp_count;
    bool in_group;
    vec eye, target, zenith, horizon, sun, glow;
    float view, lens, bloom;
    Material materials[MATERIALS_MAX];
    Group groups[GROUPS_MAX];
    Object objects[OBJECTS_MAX];
    Node nodes[2 * OBJECTS_MAX];
    int order[OBJECTS_MAX], lamps[LAMPS_MAX];
} scene;

// ---- reading: a statement is a line in one of these forms, a remark goes from # to the end of its line ----
// X is a number, +X one above 0, #X a whole one above 0, @x a name; what stands in brackets may be left out.
#define STAND "at X Y Z [turn Y X Z] "
#define LOOK " @name R G B [shine +S] [index +I] [stripes +W R G B] [tiles +W R G B]"
static const char *const forms[FORMS] = {
    "ball @material " STAND "radius +R", "box @material " STAND "size +X +Y +Z",
    "tube @material " STAND "radius +R height +H",
    "diffuse" LOOK, "glaze" LOOK, "metal" LOOK, "glass" LOOK, "light" LOOK,
    "place @group " STAND "[size +S] [paint @material]", "group @name", "end",
    "sky zenith R G B horizon R G B [sun X Y Z glow R G B]",
    "camera from X Y Z to X Y Z view +DEGREES [lens +R] [bloom +B]", "image #WIDTH #HEIGHT samples #N",
};

static struct {
    const char *path, *name;
    char **words;
    int line, count, next;
    double values[VALUES_MAX]; // of the last form
} reader;

static void stop(int code, const char *what, const char *path) {
    fprintf(stderr, "path_tracer: %s %s\n", what, path);
    exit(code);
}

static const char *upcoming(void) { return reader.next < reader.count ? reader.words[reader.next] : ""; }

// Ends the program unless the next words are as they should be; `what` may be the rest of a form.
static void expect(bool is, const char *what) {
    if (is) return;
    const char *found = *upcoming() ? upcoming() : "the end";
    const char *kind = *what == '+' ? "a number above 0: " : *what == '#' ? "a whole number above 0: " : "";
    if (*what == '@' || (*what >= 'A' && *what <= 'Z')) kind = *what == '@' ? "a known name: " : "a number: ";
    int at = reader.line ? reader.line : reader.next + 1;
    fprintf(stderr, "path_tracer: %s, %s %d: ", reader.path, reader.line ? "line" : "word", at);
    fprintf(stderr, "expected %s%s, found: %s\n", kind, what, found);
    exit(EXIT_WRONG);
}

static bool is_next(const char *word, size_t size) {
    return size && strlen(upcoming()) == size && !memcmp(upcoming(), word, size);
}

static bool take(const char *word, size_t size) {
    bool is = is_next(word, size);
    reader.next += is;
    return is;
}

static double number(const char *form) {
    char *end;
    double value = strtod(upcoming(), &end);
    bool good = *upcoming() && !*end && value > -FAR && value < FAR && (*form != '+' || value > 0);
    expect(good && (*form != '#' || (value >= 1 && value == (int)value)), form);
    reader.next++;
    return value;
}

// Which entry of a table comes next; entries start with their names and are `stride` bytes long.
static int known(const char *form, const void *table, size_t stride, int count) {
    for (int i = 0; i < count; i++) {
        const char *name = (const char *)table + (size_t)i * stride;
        if (take(name, strlen(name))) return i;
    }
    expect(false, form);
    return 0;
}

// Takes words as the form has them. Each number and name of the form has its place in `values`, 0 where it is left out.
static void take_form(const char *form) {
    bool absent = false;
    size_t size = 1, at = 0;
    memset(reader.values, 0, sizeof reader.values);
    for (const char *c = form; *c; c += size, size = 1) {
        if (*c == '[') absent = !is_next(c + 1, strcspn(c + 1, " "));
        if (*c == ']') absent = false;
        if (strchr("[] ", *c)) continue;
        size = strcspn(c, " ]");
        if (*c >= 'a' || *c == '-') { expect(absent || take(c, size), c); continue; }
        double *value = &reader.values[at++];
        if (absent) continue;
        if (*c != '@') *value = number(c);
        else if (c[1] == 'm') *value = known(c, scene.materials, sizeof(Material), scene.material_count);
        else if (c[1] == 'g') *value = known(c, scene.groups, sizeof(Group), scene.group_count);
        else expect(*upcoming() && strlen(upcoming()) < NAME_CAP, c), reader.name = reader.words[reader.next++];
    }
}

static float value(int i) { return (float)reader.values[i]; }
static vec triple(int i) { return v3(value(i), value(i + 1), value(i + 2)); }

// Where a shape or a group stands: turned in degrees about its z, then x, then y, and moved.
static Frame stand(void) {
    Pair y = spin(value(4) / 360), x = spin(value(5) / 360), z = spin(value(6) / 360);
    Frame f = {v3(y.x, 0, -y.y), v3(0, 1, 0), v3(y.y, 0, y.x), triple(1)};
    f = join(f, (Frame){v3(1, 0, 0), v3(0, x.x, x.y), v3(0, -x.y, x.x), 0});
    return join(f, (Frame){v3(z.x, z.y, 0), v3(-z.y, z.x, 0), v3(0, 0, 1), 0});
}

static void add(int shape, int material, Frame world) {
    expect(scene.object_count < OBJECTS_MAX, "no more shapes");
    scene.objects[scene.object_count++] = (Object){.shape = shape, .material = material, .world = world};
}

static void add_shape(int shape) {
    vec half = shape == BOX ? triple(7) / 2 : v3(value(7), shape == TUBE ? value(8) / 2 : value(7), value(7));
    add(shape, (int)value(0), scaled(stand(), half));
}

// Copies what a group holds to another place; material 0, `paint`, becomes the one named here.
static void add_copy(const Group *group) {
    Frame frame = scaled(stand(), value(7) > 0 ? value(7) : 1);
    for (int i = group->first; i < group->end; i++) {
        const Object *o = &scene.objects[i];
        add(o->shape, o->material ? o->material : (int)value(8), join(frame, o->world));
    }
}

static void add_material(int kind) {
    expect(scene.material_count < MATERIALS_MAX, "no more materials");
    Material *m = &scene.materials[scene.material_count++];
    *m = (Material){.kind = kind, .colour = triple(1), .stripe = value(6), .tile = value(10)};
    strcpy(m->name, reader.name);
    m->shine = value(4) > 0 && value(4) < SHINE_MIRROR ? (int)value(4) : SHINE_MIRROR;
    m->index = value(5) > 0 ? value(5) : 1.5f;
    m->second = triple(m->stripe > 0 ? 7 : 11);
}

static void add_group(bool end) {
    expect(scene.group_count < GROUPS_MAX && end == scene.in_group, "one end for each group, before the next");
    Group *group = &scene.groups[scene.group_count];
    if (!end) strcpy(group->name, reader.name), group->first = scene.object_count;
    group->end = scene.object_count, scene.in_group = !end, scene.group_count += end;
}

static void read_statement(void) {
    int word = 0;
    while (word < FORMS && !take(forms[word], strcspn(forms[word], " "))) word++;
    expect(word < FORMS, "a statement such as ball, box, tube, place, group, end, sky, camera, image or a material");
    take_form(forms[word] + strcspn(forms[word], " "));
    expect(reader.next == reader.count, "the end of the line");
    if (word <= TUBE) add_shape(word);
    else if (word <= LIGHT) add_material(word);
    else if (word == PLACE) add_copy(&scene.groups[(int)value(0)]);
    else if (word <= END) add_group(word == END);
    else if (word == IMAGE) scene.width = (int)value(0), scene.height = (int)value(1), scene.samples = (int)value(2);
    else if (word == CAMERA) {
        scene.eye = triple(0), scene.target = triple(3);
        scene.view = value(6), scene.lens = value(7), scene.bloom = value(8);
    } else {
        scene.zenith = triple(0), scene.horizon = triple(3);
        scene.sun = unit(triple(6) + 1e-9f), scene.glow = triple(9);
    }
}

static void read_scene(const char *path) {
    char text[LINE_CAP], *words[WORDS_MAX];
    FILE *file = fopen(path, "r");
    if (!file) stop(EXIT_FILE, "cannot read the scene", path);
    scene.materials[scene.material_count++] = (Material){.name = "paint", .kind = DIFFUSE, .colour = 0.7f};
    for (reader.path = path, reader.words = words; fgets(text, LINE_CAP, file);) {
        reader.line++, reader.count = reader.next = 0;
        expect(strlen(text) < LINE_CAP - 1, "a shorter line");
        text[strcspn(text, "#\r\n")] = 0;
        for (char *word = strtok(text, " \t"); word; word = strtok(NULL, " \t")) {
            expect(reader.count < WORDS_MAX, "fewer words");
            words[reader.count++] = word;
        }
        if (reader.count) read_statement();
    }
    fclose(file);
    reader.next = reader.count;
    expect(scene.width && scene.view > 0 && !scene.in_group, "an image, a camera and an end to each group");
}

static void read_options(int count, char **words) {
    reader.path = "options", reader.line = 0, reader.words = words, reader.count = count;
    for (int before = reader.next = 0; reader.next < count; before = reader.next) {
        take_form("[--width #N] [--height #N] [--samples #N] [--seed #N]");
        expect(reader.next > before, "--width, --height, --samples or --seed");
        int *numbers[] = {&scene.width, &scene.height, &scene.samples, &scene.seed};
        for (int i = 0; i < 4; i++) *numbers[i] = value(i) > 0 ? (int)reader.values[i] : *numbers[i];
    }
    expect(scene.width <= SIDE_MAX && scene.height <= SIDE_MAX && scene.samples <= SAMPLES_MAX, "a smaller image");
}

// ---- the tree: bounds within bounds, so that a ray meets few shapes ----
static int sort_axis;

static int by_middle(const void *a, const void *b) {
    int i = *(const int *)a, j = *(const int *)b;
    float p = scene.objects[i].world.o[sort_axis], q = scene.objects[j].world.o[sort_axis];
    return p < q ? -1 : p > q ? 1 : i - j;
}

// Sets the node's bounds around some shapes, and gives their surface times their number.
static float wrap(Node *node, int first, int count) {
    node->low = FAR, node->high = -FAR, node->first = first, node->count = count;
    for (int i = first; i < first + count; i++) {
        const Object *object = &scene.objects[scene.order[i]];
        node->low = low(node->low, object->low), node->high = high(node->high, object->high);
    }
    vec d = node->high - node->low;
    return (float)count * dot(d, d.yzxw);
}

// Splits where the two halves have the least surface for the shapes in them; deep down, in the middle.
static void grow(Node *node, int first, int count, int depth) {
    float best = FAR * FAR;
    int axis = 0, cut = count / 2, *order = scene.order + first;
    for (sort_axis = 0; sort_axis < 3 && count > LEAF_MAX && depth < DEPTH_MAX - 16; sort_axis++) {
        qsort(order, (size_t)count, sizeof(int), by_middle);
        for (int i = 1; i < count; i++) {
            float cost = wrap(node, first, i) + wrap(node, first + i, count - i);
            if (cost < best) best = cost, axis = sort_axis, cut = i;
        }
    }
    wrap(node, first, count);
    if (count <= LEAF_MAX) return;
    sort_axis = axis;
    qsort(order, (size_t)count, sizeof(int), by_middle);
    Node *halves = &scene.nodes[scene.node_count];
    node->first = scene.node_count, node->count = 0, scene.node_count += 2;
    grow(halves, first, cut, depth + 1);
    grow(halves + 1, first + cut, count - cut, depth + 1);
}

// Shapes in a group are only patterns for `place`; all others get their bounds and enter the tree.
static void plant(void) {
    for (int i = 0, group = 0; i < scene.object_count; i++) {
        while (group < scene.group_count && i >= scene.groups[group].end) group++;
        if (group < scene.group_count && i >= scene.groups[group].first) continue;
        Object *o = &scene.objects[i];
        vec reach = size_of(o->world.x) + size_of(o->world.y) + size_of(o->world.z);
        o->scale = v3(length(o->world.x), length(o->world.y), length(o->world.z));
        if (o->shape == BALL) reach = o->scale.xxxx;
        o->local = inverse(&o->world), o->low = o->world.o - reach, o->high = o->world.o + reach;
        o->lamp = o->shape == BALL && scene.materials[o->material].kind == LIGHT && scene.lamp_count < LAMPS_MAX;
        if (o->lamp) scene.lamps[scene.lamp_count++] = i;
        scene.order[scene.order_count++] = i;
    }
    if (!scene.order_count) stop(EXIT_WRONG, "no shape stands in", reader.path);
    scene.node_count = 1;
    grow(scene.nodes, 0, scene.order_count, 0);
}

// ---- rays ----
// How far along the ray it meets the shape, or `limit` where it does not before. A shape is where a span of the ray
// lies in a round part (ball, tube) and between planes (box, tube).
static float meet(const Object *object, vec origin, vec direction, float limit) {
    vec p = move(&object->local, origin), d = carry(&object->local, direction);
    vec in = -FAR, out = FAR;
    if (object->shape != BALL) {
        vec a = (-1 - p) / d, b = (1 - p) / d;
        in = low(a, b), out = high(a, b);
    }
    if (object->shape != BOX) {
        vec round = v3(1, object->shape == BALL, 1), o = p * round, r = d * round;
        float square = dot(r, r), middle = -dot(o, r) / square;
        vec closest = o + r * middle;
        float left = 1 - dot(closest, closest);
        if (!(left > 0)) return limit;
        in.xz = middle - root(left / square), out.xz = middle + root(left / square);
    }
    float near = peak(in), far = trough(out), t = near > SKIN ? near : far;
    return near < far && t > SKIN && t < limit ? t : limit;
}

static float enter(const Node *node, vec origin, vec inverse, float limit) {
    vec a = (node->low - origin) * inverse, b = (node->high - origin) * inverse;
    float near = peak(high(low(a, b), 0));
    return near <= trough(low(high(a, b), limit)) ? near : FAR;
}

// The nearest shape before `*distance`, which becomes its distance; with `any`, the first one found.
static const Object *trace(vec origin, vec direction, float *distance, bool any) {
    vec inverse = 1 / choose(size_of(direction) < 1e-9f, 1e-9f, direction);
    const Object *found = NULL;
    int stack[DEPTH_MAX], depth = 0;
    for (int at = 0;;) {
        const Node *node = &scene.nodes[at];
        for (int i = 0; i < node->count; i++) {
            const Object *object = &scene.objects[scene.order[node->first + i]];
            float t = meet(object, origin, direction, *distance);
            if (t < *distance) *distance = t, found = object;
            if (found && any) return found;
        }
        if (!node->count) {
            float a = enter(&scene.nodes[node->first], origin, inverse, *distance);
            float b = enter(&scene.nodes[node->first + 1], origin, inverse, *distance);
            int second = b < a;
            if (a < FAR && b < FAR) stack[depth++] = node->first + !second;
            if (a < FAR || b < FAR) { at = node->first + second; continue; }
        }
        if (!depth) return found;
        at = stack[--depth];
    }
}

static vec sky(vec d) {
    float up = most(d.y, 0), haze = (1 - up) * (1 - up), near = most(dot(d, scene.sun), 0), wide = near * near * near;
    float tight = wide * wide * wide;
    return blend(scene.zenith, scene.horizon, haze * haze) + scene.glow * (0.25f * wide * haze + tight * tight * tight);
}

// The outward normal at `q`, a point on the shape in its own frame.
static vec normal_at(int shape, vec q) {
    if (shape == BALL) return q;
    if (shape == TUBE) return q.y * q.y > q.x * q.x + q.z * q.z ? v3(0, q.y, 0) : v3(q.x, 0, q.z);
    return choose(size_of(q) < peak(size_of(q)), 0, q);
}

// Stripes follow the shape's own x; tiles lie in staggered rows, each tile in its own shade, with seams.
static vec colour_at(const Material *m, vec q, vec normal) {
    if (m->stripe > 0) return (int)__builtin_floorf(q.x / m->stripe) & 1 ? m->second : m->colour;
    if (!(m->tile > 0)) return m->colour;
    float b = (normal.y ? q.z : q.y) / m->tile * 2, row = __builtin_floorf(b);
    float a = (normal.x ? q.z : q.x) / m->tile + 0.5f * (float)((int)row & 1), column = __builtin_floorf(a);
    a -= column, b -= row;
    if (least(least(a, 1 - a) * 2, least(b, 1 - b)) < 0.06f) return m->second;
    return m->colour * (0.65f + 0.6f * fraction(stir((uint32_t)(int)column * 7919u + (uint32_t)(int)row)));
}

// ---- light ----
typedef struct { vec point, normal, mirrored, diffuse, gloss; int shine; } Surface;

// What the surface sends on of light from `d`, against a white diffuse one: its own colour, and a lobe about the
// mirrored direction that falls with the cosine to the power 2^shine - 1.
static vec response(const Surface *s, vec d, float slope) {
    float along = most(dot(d, s->mirrored), 0), lobe = along;
    if (!(dot(s->gloss, 1) > 0) || along < 0.5f) return s->diffuse * slope;
    for (int i = 0; i < s->shine; i++) lobe *= lobe;
    return s->diffuse * slope + s->gloss * (lobe / along * (float)(1 << s->shine) / 2);
}

// Light straight from one lamp, drawn by how much each one seems to matter here.
static vec lamps(const Surface *s, Dice *dice) {
    float share[LAMPS_MAX], total = 0;
    for (int i = 0; i < scene.lamp_count; i++) {
        const Object *lamp = &scene.objects[scene.lamps[i]];
        vec to = lamp->world.o - s->point;
        float radius = lamp->scale.x, square = dot(to, to);
        bool above = dot(to, s->normal) > -radius && square > radius * radius;
        float slope = most(dot(to, s->normal) / root(square), 0.05f);
        vec bright = scene.materials[lamp->material].colour * (response(s, to / root(square), slope) + 0.01f);
        share[i] = above ? dot(bright, 1) * radius * radius / square : 0;
        total += share[i];
    }
    if (!(total > 0)) return 0;
    Pair u = roll(dice);
    float left = roll(dice).x * total;
    int i = 0;
    while (i + 1 < scene.lamp_count && left >= share[i]) left -= share[i++];
    const Object *lamp = &scene.objects[scene.lamps[i]];
    vec to = lamp->world.o - s->point;
    float sine = lamp->scale.x * lamp->scale.x / dot(to, to), cap = sine / (1 + root(1 - sine));
    vec d = around(unit(to), 1 - u.x * cap, u.y);
    float slope = dot(d, s->normal), distance = meet(lamp, s->point, d, FAR) * 0.9999f;
    if (slope <= 0 || !(share[i] > 0) || trace(s->point, d, &distance, true)) return 0;
    return scene.materials[lamp->material].colour * response(s, d, slope) * (2 * cap * total / share[i]);
}

// The light that comes down one path against `direction`.
static vec radiance(vec origin, vec direction, Dice *dice) {
    vec light = 0, weight = 1;
    float flash = FLASH_MAX;
    bool blind = true; // the last surface could not look for lamps itself
    for (int bounce = 0; bounce < BOUNCES_MAX; bounce++) {
        float distance = FAR;
        const Object *object = trace(origin, direction, &distance, false);
        if (!object) return light + dim(weight * sky(direction), flash);
        const Material *m = &scene.materials[object->material];
        origin += direction * distance;
        vec q = move(&object->local, origin), face = normal_at(object->shape, q);
        vec normal = unit(carry_back(&object->local, face)), colour = colour_at(m, q * object->scale, face);
        if (m->kind == LIGHT) return blind || !object->lamp ? light + dim(weight * colour, flash) : light;

        float slope = -dot(direction, normal);
        bool inside = slope < 0, clear = m->kind == GLASS, sharp = clear || m->shine == SHINE_MIRROR;
        if (inside) normal = -normal, slope = -slope;
        float index = inside && clear ? 1 / m->index : m->index;
        float bend = 1 - (1 - slope * slope) / (index * index), edge = (index - 1) / (index + 1);
        float graze = 1 - least(slope, 1), rise = graze * graze * graze * graze * graze; // Schlick 1994
        edge = m->kind == DIFFUSE ? 0 : bend <= 0 ? 1 : edge * edge + (1 - edge * edge) * rise;
        vec gloss = m->kind == METAL ? blend(colour, 1, rise) : edge, through = colour * (1 - edge);
        float odds = m->kind == METAL ? 1 : m->kind == GLAZE ? edge / (edge + dot(through, 0.17f)) : edge;

        Surface s = {origin, normal, reflect(direction, normal), through, sharp ? 0 : gloss, m->shine};
        if (m->kind == METAL || clear) s.diffuse = 0;
        Pair u = roll(dice), chance = roll(dice);
        if (dot(s.diffuse + s.gloss, 1) > 0) light += dim(weight * lamps(&s, dice), flash);
        if (chance.x < odds) {
            weight *= gloss / odds;
            for (int i = 0; i < m->shine; i++) u.x = root(u.x);
            direction = sharp ? s.mirrored : around(s.mirrored, u.x, u.y);
            if (dot(direction, normal) < 0) direction = reflect(direction, normal);
        } else {
            weight *= through / (1 - odds);
            if (clear) direction = unit(direction / index + normal * (slope / index - root(bend)));
            else direction = unit(normal * 1.0001f + around(v3(0, 0, 1), 1 - 2 * u.x, u.y)), flash = FLASH_MAX / 8;
        }
        blind = sharp && (clear || chance.x < odds);
        float stay = least(1, peak(weight) * 2);
        if (bounce > 0 && chance.y >= stay) break;
        if (bounce > 0) weight /= stay;
    }
    return light;
}

// ---- the picture ----
static void render(vec *image) {
    vec ahead = scene.target - scene.eye, forward = unit(ahead);
    vec right = unit(cross(forward, v3(0, 1, 0))), up = cross(right, forward);
    Pair half = spin(scene.view / 720);
    float focus = length(ahead), tall = half.y / half.x, width = (float)scene.width, height = (float)scene.height;
    uint32_t mask = 1;
    while (mask < (uint32_t)scene.samples) mask *= 2;
    for (int y = 0; y < scene.height; y++) {
        for (int x = 0; x < scene.width; x++) {
            uint32_t pixel = stir((uint32_t)scene.seed ^ stir((uint32_t)(y * SIDE_MAX + x)));
            vec sum = 0;
            for (int i = 0; i < scene.samples; i++) {
                Dice dice = {pixel, (uint32_t)i, (uint32_t)scene.samples, mask - 1, 0};
                Pair film = roll(&dice), lens = roll(&dice), edge = spin(lens.y);
                float off = root(lens.x) * scene.lens;
                float a = (((float)x + film.x) * 2 - width) / height, b = 1 - ((float)y + film.y) * 2 / height;
                vec shift = right * (off * edge.x) + up * (off * edge.y);
                vec aim = (forward + right * (a * tall) + up * (b * tall)) * focus - shift;
                sum += dim(radiance(scene.eye + shift, unit(aim), &dice), FLASH_MAX);
            }
            image[y * scene.width + x] = sum / (float)scene.samples;
        }
        if ((y + 1) * 10 / scene.height == y * 10 / scene.height) continue;
        printf("row %d/%d  %d %%\n", y + 1, scene.height, (y + 1) * 100 / scene.height);
        fflush(stdout);
    }
}

// Draws each pixel of a line towards the ones before it, then towards the ones after it.
static void smooth(vec *line, int count, int step, float keep) {
    for (int i = 1; i < count; i++) line[i * step] = blend(line[i * step], line[(i - 1) * step], keep);
    for (int i = count - 2; i >= 0; i--) line[i * step] = blend(line[i * step], line[(i + 1) * step], keep);
}

// Bright spots shine into their surroundings, as in an eye or a lens.
static void bloom(vec *image, vec *shine) {
    int width = scene.width, height = scene.height;
    float keep = 1 - 1 / (1 + (float)height / 24);
    for (int i = 0; i < width * height; i++) shine[i] = high(image[i] - 1, 0);
    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < height; y++) smooth(shine + y * width, width, 1, keep);
        for (int x = 0; x < width; x++) smooth(shine + x, height, width, keep);
    }
    for (int i = 0; i < width * height; i++) image[i] += shine[i] * scene.bloom;
}

// One channel from light to a byte: a toe, a shoulder that never clips hard, then the screen's curve.
static uint8_t tone(float x) {
    x = x * (x + 0.12f) / (x * (0.93f * x + 0.6f) + 0.12f);
    return (uint8_t)(least(root(x), 1) * 255 + 0.5f);
}

// ---- PNG (RFC 2083), its pixels in stored deflate blocks (RFC 1951), one a row ----
static struct { FILE *file; uint32_t crc, a, b; } png;

static void put(const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        png.crc ^= ((const uint8_t *)bytes)[i];
        for (int bit = 0; bit < 8; bit++) png.crc = png.crc >> 1 ^ (png.crc & 1 ? 0xedb88320u : 0);
    }
    fwrite(bytes, 1, count, png.file);
}

static void put_number(uint32_t n) { put((uint8_t[]){n >> 24 & 255, n >> 16 & 255, n >> 8 & 255, n & 255}, 4); }

static void put_chunk(const char *name, uint32_t size) {
    put_number(size);
    png.crc = ~0u;
    put(name, 4);
}

static void put_row(const vec *row, int width, bool last) {
    static uint8_t bytes[1 + 3 * SIDE_MAX];
    uint32_t size = 1 + 3 * (uint32_t)width;
    for (uint32_t i = 1; i < size; i++) bytes[i] = tone(row[(i - 1) / 3][(i - 1) % 3]);
    for (uint32_t i = 0; i < size; i++) png.a = (png.a + bytes[i]) % 65521, png.b = (png.b + png.a) % 65521;
    put((uint8_t[]){last, size & 255, size >> 8, ~size & 255, ~size >> 8 & 255}, 5);
    put(bytes, size);
}

static bool write_png(const vec *image) {
    uint32_t width = (uint32_t)scene.width, height = (uint32_t)scene.height;
    put("\x89PNG\r\n\x1a\n", 8);
    put_chunk("IHDR", 13), put_number(width), put_number(height), put("\x08\x02\0\0\0", 5), put_number(~png.crc);
    put_chunk("IDAT", 6 + height * (6 + 3 * width)), put("\x78\x01", 2), png.a = 1;
    for (uint32_t y = 0; y < height; y++) put_row(image + y * width, (int)width, y + 1 == height);
    put_number(png.b << 16 | png.a), put_number(~png.crc);
    put_chunk("IEND", 0), put_number(~png.crc);
    return !ferror(png.file) && !fclose(png.file);
}

int main(int count, char **words) {
    if (count < 3) stop(EXIT_WRONG, "usage: path_tracer SCENE OUTPUT",
                        "[--width N] [--height N] [--samples N] [--seed N]");
    read_scene(words[1]);
    plant();
    read_options(count - 3, words + 3);
    size_t size = (size_t)(scene.width * scene.height) * sizeof(vec);
    vec *image = malloc(size), *shine = malloc(size);
    if (!image || !shine) stop(EXIT_FILE, "too little memory for the picture of", words[1]);
    if (!(png.file = fopen(words[2], "wb"))) stop(EXIT_FILE, "cannot write", words[2]);
    printf("scene %s: %d shapes, %d lamps\n", words[1], scene.order_count, scene.lamp_count);
    render(image);
    bloom(image, shine);
    if (!write_png(image)) stop(EXIT_FILE, "cannot write to its end", words[2]);
    printf("done: %dx%d, %d samples a pixel, %s\n", scene.width, scene.height, scene.samples, words[2]);
    return 0;
}
